"""What an artifact is called: a hash of everything that decides its content.

A `Stage` is a frozen dataclass that says completely what is to be made. Its key is the sha256 of
the canonical JSON of {kind, version, config, inputs}: ``inputs`` are the keys of the fields that
are stages themselves, ``config`` is every other field. Where and how a stage runs (workers, paths,
node types) is not a field of it. Canonical JSON has sorted names, no spaces, ASCII only, and one
text for each number: an integral float is written as an integer, so ``1`` and ``1.0`` (which a
float field accepts alike) hash alike, as do ``0.0`` and ``-0.0``; ``True`` is not ``1``. Lists and
tuples are alike; a dataclass, a `Settings` and a dict with the same fields are alike, so a field
that may hold one of several classes needs a field that tells them apart. Any other value has no
stable bytes and is refused, with its field named.

A field that a stage (or a `Settings` inside one) gets after artifacts have been made without it is marked as
`LATER`: at its default it is left out, so those artifacts keep their names.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from functools import cached_property
from operator import itemgetter
from typing import Any, ClassVar, TypeAlias, cast

from pydantic import BaseModel

from raydoa.store.remembered import WrittenOnce, fields

LATER: dict[str, Any] = {"later": True}
"""Metadata of a field that came later: at its default, which means "as before", it is no part of the key."""

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class UnstableValue(ValueError):
    """A value that has no stable bytes, so nothing can be named after it."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"{path or '(value)'}: {why} cannot be part of a key or a record; allowed are "
            "dataclasses, Settings, dicts with string names, lists, tuples, strings, Enums of "
            "strings, ints, bools, None and finite floats"
        )


def canonical_json(value: object) -> str:
    """Return the one text of ``value`` that keys and digests are hashed from.

    Raises:
        UnstableValue: something inside has no stable bytes; the message names its field.
    """
    return _text(plain(value))


def _text(value: Json) -> str:
    return _CANONICAL.encode(_one_number(value))


_PLAIN = frozenset({type(None), bool, int, str})
"""Types of values that are plain JSON as they are; a subclass of one is not."""

_TEXTS = WrittenOnce(1000)


def _field_text(value: object, name: str) -> str:
    """The canonical JSON of a field; most are a number, a word or nothing."""
    if value is None:
        return "null"
    if type(value) is int:
        return str(value)
    if type(value) is str:
        return _CANONICAL.encode(value)
    return _TEXTS.text(value, lambda: _text(plain(value, name)))


def plain(value: object, path: str = "") -> Json:  # noqa: PLR0911 (one return for each kind of value)
    """Return ``value`` as plain JSON, floats as they are; ``path`` names its field in errors."""
    if type(value) in _PLAIN:
        return cast("Json", value)
    match value:
        case Stage():
            raise UnstableValue(path, "a stage, other than as a field or a tuple field of a stage,")
        case Enum():
            if not isinstance(value.value, str):
                raise UnstableValue(path, f"{value!r}, an Enum whose value is not a string,")
            return str(value.value)
        case str():
            return str(value)
        case int():
            return int(value)
        case float():
            if not math.isfinite(value):
                raise UnstableValue(path, f"the float {value!r}")
            return float(value)
        case list() | tuple():
            return [plain(item, f"{path}[{index}]") for index, item in enumerate(value)]
        case dict():
            return plain_dict(value, path)
        case BaseModel():
            return {
                name: plain(getattr(value, name), _join(path, name))
                for name, info in type(value).model_fields.items()
                if not (info.json_schema_extra == LATER and getattr(value, name) == info.default)
            }
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields_of(value, path)
    raise UnstableValue(path, f"{value!r}, of type {type(value).__name__},")


@dataclasses.dataclass(frozen=True)
class Stage:
    """Base of the stages: a frozen dataclass whose fields decide what it makes.

    A field that holds a `Stage`, or a tuple of stages only, is an input; every other field is
    configuration. Subclasses set ``kind`` (what is made), ``role`` (what kind of work that is) and ``version`` (raised when the code
    makes something else from the same fields).
    """

    kind: ClassVar[str]
    role: ClassVar[str]
    version: ClassVar[int]

    @cached_property
    def key(self) -> str:
        """The stage's name in the store: 64 hexadecimal digits."""
        return hashlib.sha256(self._identity_text().encode()).hexdigest()

    def identity(self) -> dict[str, Json]:
        """Return what the key is a hash of: kind, version, config, and the keys of the inputs.

        Raises:
            UnstableValue: a field has no stable bytes.
        """
        config: dict[str, Json] = {}
        inputs: dict[str, Json] = {}
        for name, value in self._kept():
            if isinstance(value, Stage):
                inputs[name] = value.key
            elif _is_stages(value):
                inputs[name] = [stage.key for stage in value]
            else:
                config[name] = plain(value, name)
        return {"kind": self.kind, "version": self.version, "config": config, "inputs": inputs}

    def _identity_text(self) -> str:
        """The canonical JSON of `identity`, put together from texts that stages share."""
        config: list[str] = []
        inputs: list[str] = []
        for name, value in sorted(self._kept(), key=itemgetter(0)):
            if isinstance(value, Stage):
                inputs.append(f'"{name}":"{value.key}"')
            elif _is_stages(value):
                keys = ",".join(f'"{stage.key}"' for stage in value)
                inputs.append(f'"{name}":[{keys}]')
            else:
                config.append(f'"{name}":{_field_text(value, name)}')
        return (
            f'{{"config":{{{",".join(config)}}},"inputs":{{{",".join(inputs)}}},'
            f'"kind":{_text(self.kind)},"version":{self.version}}}'
        )

    def _kept(self) -> Iterator[tuple[str, Any]]:
        """The fields that are part of the key, with their values."""
        # Without the decorator it would have its parent's fields, and its own would not be hashed.
        assert "__dataclass_fields__" in vars(type(self)), f"{type(self)} is not a dataclass"
        for name, later, default in fields(type(self)):
            value = getattr(self, name)
            if not (later and value == default):
                yield name, value

    def inputs(self) -> tuple["Stage", ...]:
        """Return the stages that this one reads, in the order of its fields."""
        return self._inputs

    @cached_property
    def _inputs(self) -> tuple["Stage", ...]:
        stages: list[Stage] = []
        for name, _, _ in fields(type(self)):
            value = getattr(self, name)
            if isinstance(value, Stage):
                stages.append(value)
            elif _is_stages(value):
                stages.extend(value)
        return tuple(stages)

    def stands_on(self) -> tuple["Stage", ...]:
        """Return the inputs without which its artifact cannot be read either; none unless overridden."""
        return ()

    def reads(self) -> tuple["Stage", ...]:
        """Return what must be in the store while it is made: its inputs, and what they stand on."""
        return tuple(s for stage in self.inputs() for s in (stage, *stage.stands_on()))

    def __getstate__(self) -> dict[str, Any]:
        """Leave what is cached out of pickles: newer code must not find the old name in one."""
        cached = ("key", "_inputs")
        return {name: value for name, value in vars(self).items() if name not in cached}


def closure(ends: Iterable[Stage]) -> tuple[Stage, ...]:
    """Return some stages and all they depend on, each key once, inputs before their users."""
    ordered: dict[str, Stage] = {}

    def visit(stage: Stage) -> None:
        if stage.key not in ordered:
            for needed in stage.inputs():
                visit(needed)
            ordered[stage.key] = stage

    for end in ends:
        visit(end)
    return tuple(ordered.values())


def stage_label(stage: Stage) -> str:
    """What people call the work: the kind and the model."""
    return " ".join([stage.kind, *filter(None, [getattr(stage, "model", None)])])


def _is_stages(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(s, Stage) for s in value)


def _fields_of(value: Any, path: str) -> dict[str, Json]:
    names = [name for name, _, _ in fields(type(value))]
    return {name: plain(getattr(value, name), _join(path, name)) for name in names}


def _join(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)


def _name(key: object, path: str) -> str:
    if not isinstance(key, str) or isinstance(key, Enum):
        raise UnstableValue(path, f"a dict with the name {key!r}, which is not a plain string,")
    return str(key)


def plain_dict(value: Mapping[str, object], path: str) -> dict[str, Json]:
    """Return a mapping as a dict of plain JSON; ``path`` names it in errors."""
    return {_name(key, path): plain(item, _join(path, key)) for key, item in value.items()}


def _one_number(value: Json) -> Json:
    """Write integral floats as integers, so that equal numbers have equal text."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, list):
        return [_one_number(item) for item in value]
    if isinstance(value, dict):
        return {name: _one_number(item) for name, item in value.items()}
    return value
