"""Flags made from the fields of a configuration: a field's name, type, description and default are the flag's.

A field with several values has a flag for one of them as well: `--n`, `--budgets 5 50` and `--budget 5`. A mapping takes
one NAME=VALUE at a time: `--model NAME=FOLDER`. What lies in a mapping of models is reached by `--set` alone. Neither
tyro nor pydantic-settings is used: the former's errors are boxes of many lines without the field, and the latter knows
no `--budgets 5 50`.
"""

import argparse
import json
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from raydoa.errors import UserError, did_you_mean
from raydoa.experiment.configuration import Configuration, flat_name, path_of
from raydoa.settings import Settings, models_in


@dataclass(frozen=True)
class Flag:
    """A field that a flag sets.

    Attributes:
        name: the field's flat name.
        group: the flat name of the model that it is a field of.
        info: what pydantic knows of it.
    """

    name: str
    group: str
    info: FieldInfo

    @property
    def type(self) -> Any:
        """Its type, where it is given."""
        options = [option for option in _options(self.info.annotation) if option is not type(None)]
        return options[0]

    @property
    def is_mapping(self) -> bool:
        """Whether its values have names."""
        return get_origin(self.type) is dict

    @property
    def is_series(self) -> bool:
        """Whether it has as many values as one likes."""
        return get_origin(self.type) is tuple and get_args(self.type)[-1] is Ellipsis

    @property
    def flags(self) -> list[str]:
        """What it is called on the command line, as errors call it first."""
        plural = "--" + self.name.replace("_", "-")
        if self.is_series and plural.endswith("s"):
            return [plural, _singular(plural)]
        return [_singular(plural), plural] if self.is_mapping else [plural]

    def written(self, value: Any) -> list[str]:
        """The words of a command line that give it a value, as argparse or a configuration has it."""
        if self.type is bool:
            return [self.flags[0] if value else f"--no-{self.flags[0].removeprefix('--')}"]
        if isinstance(value, Mapping):
            value = [f"{name}={','.join(map(str, values))}" for name, values in value.items()]
        if self.is_mapping:
            return [word for pair in value for word in (self.flags[0], pair)]
        several = value if isinstance(value, list | tuple) else [value]
        return [self.flags[-1 if len(several) == 1 else 0], *map(str, several)]


def add_flags(parser: argparse.ArgumentParser, defaults: Configuration) -> None:
    """Add a flag for each field, in a group for each model, and `--set`; help shows ``defaults``."""
    parser.usage = "%(prog)s [FILE] [flags]"
    values, groups = defaults.model_dump(), {}
    for flag in flags():
        if flag.group not in groups:
            groups[flag.group] = parser.add_argument_group(flag.group.replace("_", " "))
        groups[flag.group].add_argument(
            *flag.flags, dest=flag.name, help=_help(flag, values), **_shape(flag)
        )
    parser.add_argument("--set", action="append", default=[], dest="assignments", metavar="FIELD=VALUE",
                        help="any field, its value as JSON or a word: pretraining.recipes.nano-s.steps=500")  # fmt: skip


def flags() -> Iterator[Flag]:
    """All fields that a flag can set."""
    yield from _flags(Configuration, ())


def changes_of(options: argparse.Namespace, configuration: Configuration) -> dict[str, Any]:
    """The fields that the flags change, by flat name; a later flag's change of a field replaces an earlier one's.

    Raises:
        UserError: a value is not of its field's kind, or `--set` names no field of the ``configuration``.
    """
    changes: dict[str, Any] = {}
    for flag in flags():
        given = getattr(options, flag.name)
        if given is not None:
            changes[flag.name] = _value(flag, given)
    for assignment in options.assignments:
        name, value = _assigned(assignment, configuration)
        changes[name] = value
    return changes


def _flags(model: type[Settings], path: tuple[str, ...]) -> Iterator[Flag]:
    for name, info in model.model_fields.items():
        field = (*path, name)
        inner = next(models_in(info.annotation), None)
        if inner is None:
            yield Flag(flat_name(field), flat_name(path), info)
        elif get_origin(info.annotation) is not dict:
            assert issubclass(inner, Settings)
            yield from _flags(inner, field)


def _shape(flag: Flag) -> dict[str, Any]:
    """How argparse reads it; values stay text until `changes_of`, which says whose they are."""
    if flag.type is bool:
        return {"action": argparse.BooleanOptionalAction, "default": None}
    if flag.is_mapping:
        return {"action": "append", "metavar": _metavar(flag, None)}
    if flag.is_series:
        return {"nargs": "+", "metavar": _metavar(flag, get_args(flag.type)[0])}
    if get_origin(flag.type) is tuple:
        kinds = get_args(flag.type)
        return {"nargs": len(kinds), "metavar": _metavar(flag, kinds[0])}
    return {"metavar": _metavar(flag, flag.type)}


def _metavar(flag: Flag, kind: Any) -> str:
    extra = flag.info.json_schema_extra
    if isinstance(extra, dict) and "metavar" in extra:
        return str(extra["metavar"])
    if get_origin(kind) is Literal:
        return "{" + ",".join(map(str, get_args(kind))) + "}"
    return {int: "N", float: "X"}.get(kind, flag.name.rpartition(".")[2].upper())


def _help(flag: Flag, values: Mapping[str, Any]) -> str:
    default: Any = values
    for part in path_of(flag.name, ""):
        default = default[part] if default is not None else None
    text = flag.info.description or ""
    if default is not None and default not in ({}, ()):
        several = isinstance(default, tuple | list)
        text += f" (default: {' '.join(map(str, default)) if several else default})"
    return text.replace("%", "%%")


def _value(flag: Flag, given: Any) -> Any:
    """What was given on the command line as plain values of the field's kind."""
    if flag.is_mapping:
        return dict(_pair(flag, pair) for pair in given)
    if isinstance(given, list):
        kinds: Sequence[Any] = get_args(flag.type)
        return [_one(flag, text, kinds[0]) for text in given]
    return given if isinstance(given, bool) else _one(flag, given, flag.type)


def _one(flag: Flag, text: str, kind: Any) -> Any:
    if get_origin(kind) is Literal:
        kind = type(get_args(kind)[0])
    if kind not in (int, float):
        return text
    try:
        return kind(text)
    except ValueError:
        expected = "a whole number" if kind is int else "a number"
        raise UserError(f"{flag.flags[0]}: found {text!r}; expected {expected}") from None


def _pair(flag: Flag, pair: str) -> tuple[str, Any]:
    name, equals, value = pair.partition("=")
    if not (name and equals and value):
        raise UserError(f"{flag.flags[0]}: found {pair!r}; expected {_metavar(flag, None)}")
    if get_origin(get_args(flag.type)[1]) is tuple:
        return name, [_json_or_word(text) for text in value.split(",")]
    return name, value


def _assigned(assignment: str, configuration: Configuration) -> tuple[str, Any]:
    """The field and the value of a `--set`; whether its value is allowed is checked with all others."""
    name, equals, text = assignment.partition("=")
    if not equals:
        raise UserError(f"--set: found {assignment!r}; expected FIELD=VALUE")
    fields: Any = configuration.model_dump()
    fields = {**fields["sweep"], **fields["sweep"]["grid"], **fields["runtime"]}
    del fields["grid"]
    for part in name.split("."):
        if not isinstance(fields, dict) or part not in fields:
            near = did_you_mean(part, sorted(fields)) if isinstance(fields, dict) else ""
            raise UserError(f"--set: found {assignment!r}; {part!r} is no field{near}")
        fields = fields[part]
    return name, _json_or_word(text)


def _json_or_word(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text  # A word, which JSON would want in quotes.


def _options(annotation: Any) -> tuple[Any, ...]:
    union = get_origin(annotation) in (Union, types.UnionType)
    return typing.get_args(annotation) if union else (annotation,)


def _singular(flag: str) -> str:
    return f"{flag[:-3]}y" if flag.endswith("ies") else flag.removesuffix("s")
