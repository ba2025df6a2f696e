"""Which plans to measure.

`raydoa.search(...)` is the public function `raydoa.api.search.search`. Python binds this package to the same name, so
the package can be called, and only passes the call on: nothing in it knows the API.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raydoa.search.cost_aware_sampler import CostAwareSampler
    from raydoa.search.optuna_space import suggest_plan

__all__ = ["CostAwareSampler", "suggest_plan"]

_LAZY = {
    "CostAwareSampler": "raydoa.search.cost_aware_sampler",
    "suggest_plan": "raydoa.search.optuna_space",
}
"""For users of Optuna, which takes seconds to import."""


class _CallablePackage(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return import_module("raydoa.api.search").search(*args, **kwargs)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


sys.modules[__name__].__class__ = _CallablePackage
