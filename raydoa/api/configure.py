"""What a caller means: a preset, a file, or configuration objects, with some fields changed."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raydoa.errors import UserError
from raydoa.experiment.config import Grid, RuntimeConfig, Sweep
from raydoa.experiment.configuration import Configuration, read_configuration
from raydoa.experiment.presets import base_configuration, preset

Configurable = Configuration | Sweep | Path | str
"""A configuration, a sweep that runs as `RuntimeConfig` has it by default, a YAML file, or a preset's name."""

_WHERE = "arguments"
_ARGUMENTS = {
    "config": "base",
    "cluster": "cluster",
    "from": "learn_from",
    "prior": "learn_from",
    "what_if": "what_if",
    "searcher": "sampler",
    "objective": "objective",
    "limit": "limit_usd",
    **{name: name for model in (Grid, Sweep, RuntimeConfig) for name in model.model_fields},
}
"""Arguments by the names of flags that mean the same."""


@dataclass(frozen=True)
class Chosen:
    """A configuration, and which of its fields somebody chose.

    Attributes:
        configuration: the whole of it.
        given: flat names of the fields that are not a preset's.
        changed: those that were changed by a flag or an argument.
    """

    configuration: Configuration
    given: frozenset[str]
    changed: frozenset[str]


@contextmanager
def arguments_for_flags() -> Iterator[None]:
    """Let the errors of a function name its arguments where those of a command name flags."""
    try:
        yield
    except UserError as mistake:
        renamed = [
            re.sub(r"(?<![\w/-])--([a-z][a-z_-]*)", _argument, str(part)) for part in mistake.args
        ]
        mistake.args = tuple(renamed)
        raise


def _argument(flag: re.Match[str]) -> str:
    name = flag[1].replace("-", "_")
    plurals = (name, f"{name}s", f"{name.removesuffix('y')}ies")
    return next((_ARGUMENTS[known] for known in plurals if known in _ARGUMENTS), flag[0])


@arguments_for_flags()
def configure(
    base: Configurable = "embedded",
    runtime: RuntimeConfig | None = None,
    *,
    cluster: str | None = None,
    **changes: Any,
) -> Configuration:
    """A complete configuration.

    Args:
        base: a preset's name, the path of a YAML file, a `Sweep` or a `Configuration`.
        runtime: where and how fast, instead of what the base says.
        cluster: hardware by name, and settings that suit it, such as ``"8xa100-80gb"``.
        changes: fields by the names of the command line's flags, with underscores; a mapping changes a part of a field.

    Raises:
        UserError: one line that names the field, what was found and what is allowed.

    Example:
        >>> configuration = configure("embedded", n=100, budgets=[5, 50], teacher_recipe={"epochs": 10})
        >>> configuration.sweep.grid.budgets
        (5.0, 50.0)
    """
    return choose(base, runtime, {"cluster": cluster, **changes}).configuration


def choose(
    base: Configurable, runtime: RuntimeConfig | None, arguments: Mapping[str, Any]
) -> Chosen:
    """As `configure`, with which fields were chosen; ``arguments`` are its changes and maybe ``cluster``."""
    changes = dict(arguments)
    cluster = changes.pop("cluster", None)
    given: frozenset[str] = frozenset()
    if isinstance(base, Configuration | Sweep):
        given = frozenset(Grid.model_fields)
        configuration = Configuration(sweep=base) if isinstance(base, Sweep) else base
    elif isinstance(base, Path) or base.endswith((".yaml", ".yml")):
        file = read_configuration(Path(base))
        given = file.given
        tasks = changes.get("tasks")
        tasks = [tasks] if isinstance(tasks, str) else tasks
        configuration = base_configuration("embedded", file=file, tasks=tasks)
    else:
        configuration = preset(base, "preset")
    if runtime is not None:
        configuration = configuration.model_copy(update={"runtime": runtime})
    configuration = configuration.changed(changes, _WHERE, cluster)
    return Chosen(configuration, given | changes.keys(), frozenset(changes))
