"""The public API, which `import raydoa` has as well. Ray, torch and pandas are imported by what needs them."""

from raydoa.api.configure import configure
from raydoa.api.plan import plan
from raydoa.api.register import (
    register_cost_item,
    register_family,
    register_label_source,
    register_strategy,
)
from raydoa.api.search import SearchResult, search
from raydoa.api.sweep import dry_run, load, run
from raydoa.errors import Interrupted, UserError
from raydoa.experiment.config import Grid, Pretraining, RuntimeConfig, Sweep
from raydoa.experiment.configuration import Configuration
from raydoa.training.recipe import Mixing, PretrainRecipe, Recipe, Representation

__all__ = [
    "Configuration",
    "Grid",
    "Interrupted",
    "Mixing",
    "PretrainRecipe",
    "Pretraining",
    "Recipe",
    "Representation",
    "RuntimeConfig",
    "SearchResult",
    "Sweep",
    "UserError",
    "configure",
    "dry_run",
    "load",
    "plan",
    "register_cost_item",
    "register_family",
    "register_label_source",
    "register_strategy",
    "run",
    "search",
]
