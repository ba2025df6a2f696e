"""Strategies: one file each. What it buys, which plans a search may propose of it, and how it is said."""

from raydoa.plugins import Registry
from raydoa.strategies.annotate import AnnotateStrategy
from raydoa.strategies.distill import DistillStrategy
from raydoa.strategies.llm_annotate import LlmAnnotateStrategy
from raydoa.strategies.llm_distill import LlmDistillStrategy
from raydoa.strategies.llm_mixed import LlmMixedStrategy
from raydoa.strategies.mixed import MixedStrategy
from raydoa.strategies.self_distill import SelfDistillStrategy
from raydoa.strategies.strategy import Strategy

STRATEGIES: Registry[Strategy] = Registry("strategy")
for _strategy in (
    AnnotateStrategy(),
    DistillStrategy(),
    SelfDistillStrategy(),
    MixedStrategy(),
    LlmAnnotateStrategy(),
    LlmMixedStrategy(),
    LlmDistillStrategy(),
):
    STRATEGIES.register(_strategy)
