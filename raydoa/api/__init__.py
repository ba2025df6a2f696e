"""The public API, which `import raydoa` has as well. Ray, torch and pandas are imported by what needs them."""

from raydoa.api.configure import configure
from raydoa.api.plan import plan
from raydoa.api.search import SearchResult, search
from raydoa.api.sweep import dry_run, load, run
from raydoa.costs.items import ITEMS
from raydoa.errors import Interrupted, RunFailed, UserError
from raydoa.experiment.config import Grid, Pretraining, RuntimeConfig, Sweep
from raydoa.experiment.configuration import Configuration
from raydoa.labels import SOURCES
from raydoa.models import FAMILIES
from raydoa.strategies import STRATEGIES
from raydoa.training.recipe import Mixing, PretrainRecipe, Recipe, Representation

# For a script; Ray's workers do not run it, and get their entries from a package's entry point (`raydoa.plugins`).
register_strategy = STRATEGIES.register
register_cost_item = ITEMS.register
register_family = FAMILIES.register
register_label_source = SOURCES.register

__all__ = [
    "Configuration",
    "Grid",
    "Interrupted",
    "Mixing",
    "PretrainRecipe",
    "Pretraining",
    "Recipe",
    "Representation",
    "RunFailed",
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
