"""A whole configuration, and how it comes to be: a preset, then a file, then changes such as flags.

What a `Sweep` and a `RuntimeConfig` hold has one flat name each, by which flags and Python callers change it: ``n`` is
``sweep.grid.n``, ``store`` is ``runtime.store``, and ``teacher_recipe.epochs`` is ``sweep.teacher_recipe.epochs``.
A file has the same fields in their sections, as few or as many as it likes:

    preset: nano                # what the file leaves open is as in this one
    cluster: 8xa100-80gb        # optional: the hardware, and settings that suit it
    sweep:
      grid: {tasks: [tickets.yaml], n: [200], budgets: [50, 200]}
    runtime:
      store: s3://bucket/raydoa

Paths in it are relative to the working directory, as on the command line.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from raydoa.errors import UserError, did_you_mean
from raydoa.experiment.config import Grid, RuntimeConfig, Sweep
from raydoa.experiment.hardware import hardware
from raydoa.settings import Settings, parse, read_yaml

COMMAND_LINE = "command line"

_SECTIONS: Mapping[tuple[str, ...], type[Settings]] = {
    ("sweep", "grid"): Grid,
    ("sweep",): Sweep,
    ("runtime",): RuntimeConfig,
}
"""The models whose fields go by their own names; what they are called themselves is left out."""


class Configuration(Settings):
    """What is measured, and where and how fast."""

    sweep: Sweep
    """What is measured."""
    runtime: RuntimeConfig = RuntimeConfig()
    """Where and how fast."""

    def changed(
        self, changes: Mapping[str, Any], where: str = COMMAND_LINE, cluster: str | None = None
    ) -> "Configuration":
        """This configuration with other values, checked.

        Args:
            changes: by flat name; a mapping changes the fields that it names.
            where: what an error is prefixed with.
            cluster: hardware whose settings go below ``changes``.

        Raises:
            UserError: there is no such field, or its value is not allowed.
        """
        values = self.model_dump()
        if cluster is not None:
            _override(values, hardware(cluster).overrides())
        for name, value in changes.items():
            _override(values, _nested(path_of(name, where), value))
        return parse(values, Configuration, where=where, naming=flat_name)

    def write(self, path: Path) -> None:
        """Write all of it to a file, which needs no preset.

        Raises:
            UserError: the file cannot be written.
        """
        text = yaml.safe_dump(
            self.model_dump(mode="json"),
            sort_keys=False,
            allow_unicode=True,
            default_flow_style=None,
        )
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UserError(f"{path}: cannot be written ({error.strerror})") from error


@dataclass(frozen=True)
class ConfigurationFile:
    """A file that was read.

    Attributes:
        path: where it lies.
        preset: the preset that it names, if any.
        cluster: the hardware that it names, if any.
        overrides: its two sections.
    """

    path: Path
    preset: str | None
    cluster: str | None
    overrides: Mapping[str, Any]

    @property
    def given(self) -> frozenset[str]:
        """Flat names of what it sets."""
        return frozenset(flat_name(path) for path in _leaves(self.overrides))

    def over(self, preset: Configuration) -> Configuration:
        """A preset with what the file changes in it.

        Raises:
            UserError: one line with the file and the field.
        """
        values = preset.model_dump()
        if self.cluster is not None:
            _override(values, hardware(self.cluster, f"{self.path}: cluster").overrides())
        _override(values, self.overrides)
        return parse(values, Configuration, where=str(self.path))


class _Sections(Settings):
    preset: str | None = None
    cluster: str | None = None
    sweep: dict[str, Any] = Field(default_factory=dict)
    runtime: dict[str, Any] = Field(default_factory=dict)


def read_configuration(path: Path) -> ConfigurationFile:
    """Read a file; its fields are checked when it is laid over a preset.

    Raises:
        UserError: it is missing, is not YAML, or has other sections.
    """
    sections = read_yaml(path, _Sections)
    overrides = {"sweep": sections.sweep, "runtime": sections.runtime}
    return ConfigurationFile(path, sections.preset, sections.cluster, overrides)


def path_of(name: str, where: str) -> tuple[str, ...]:
    """Where a flat name leads, such as ``("sweep", "grid", "n")`` for ``n``.

    Raises:
        UserError: no field has that name.
    """
    first = name.partition(".")[0]
    for section, model in _SECTIONS.items():
        if first in model.model_fields and (*section, first) not in _SECTIONS:
            return (*section, *name.split("."))
    fields = sorted(field for model in _SECTIONS.values() for field in model.model_fields)
    raise UserError(f"{where}: {first}: unknown field{did_you_mean(first, fields)}")


def flat_name(path: Sequence[int | str]) -> str:
    """The flat name of a path; of a section, its own name."""
    for section in _SECTIONS:
        if tuple(path[: len(section)]) == section and len(path) > len(section):
            return ".".join(map(str, path[len(section) :]))
    return ".".join(map(str, path))


def _nested(path: Sequence[str], value: Any) -> dict[str, Any]:
    for part in reversed(path):
        value = {part: value}
    assert isinstance(value, dict)
    return value


def _override(values: dict[str, Any], overrides: Mapping[str, Any]) -> None:
    """Write ``overrides`` over ``values``, field by field."""
    _merge(values, overrides)
    workers = overrides.get("runtime", {})
    if "train_workers" in workers and "least_train_workers" not in workers:
        # Fewer workers than a preset's least are as few as were asked for.
        runtime = values["runtime"]
        most, least = runtime["train_workers"], runtime["least_train_workers"]
        runtime["least_train_workers"] = min(most, least) if isinstance(most, int) else least


def _merge(values: dict[str, Any], overrides: Mapping[str, Any]) -> None:
    for name, value in overrides.items():
        existing = values.get(name)
        if isinstance(value, Mapping) and isinstance(existing, dict):
            _merge(existing, value)
        else:
            values[name] = value


def _leaves(values: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from ((name, *rest) for rest in _leaves(value))
        else:
            yield (name,)
