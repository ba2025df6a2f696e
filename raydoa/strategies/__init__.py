"""Strategies: one file each. What it buys, which plans a search may propose of it, and how it is said."""

from raydoa.plugins import Registry
from raydoa.strategies.annotate import Annotate
from raydoa.strategies.distill import Distill
from raydoa.strategies.mixed import Mixed
from raydoa.strategies.self_distill import SelfDistill
from raydoa.strategies.strategy import Strategy

STRATEGIES: Registry[Strategy] = Registry("strategy")
for _strategy in (Annotate(), Distill(), SelfDistill(), Mixed()):
    STRATEGIES.register(_strategy)
