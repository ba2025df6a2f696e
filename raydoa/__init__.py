"""raydoa: distill or annotate? Cost-aware sweeps on Ray for compact language models.

    import raydoa

    print(raydoa.plan("embedded", n=100, budgets=5).sentence)     # in seconds, nothing is spent
    result_dir = raydoa.run("embedded", n=100, budgets=[5, 50])   # measured on Ray
    cells = raydoa.load(result_dir)                               # a DataFrame, one row a cell

The names are those of `raydoa.api`, which is imported when one of them is first used; docs/api.md has more.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raydoa.api import *  # noqa: F403

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        api = import_module("raydoa.api")
        if name in api.__all__:
            return getattr(api, name)
    raise AttributeError(f"module 'raydoa' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *import_module("raydoa.api").__all__]
