"""Configuration that people write: frozen, complete, and strict about mistakes.

Every configuration class derives from `Settings`: unknown fields are refused, values cannot change after
construction, and a mistake becomes one line that names the file and the field, what was found, and what is
allowed.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from raydoa.errors import UserError, did_you_mean

_LONGEST_SHOWN = 80
_PACKAGE = Path(__file__).parent

Location = Sequence[int | str]
"""Names and positions on the way to a field."""


class Settings(BaseModel):
    """Base of all configuration: immutable, and without unknown fields. A field's description is the string below it.

    What checks a class is built when it first has to: most commands meet few of them.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        defer_build=True,
    )


S = TypeVar("S", bound=Settings)


def dotted(path: Location) -> str:
    """A field as ``grid.n.0``."""
    return ".".join(map(str, path))


def parse(
    values: Mapping[str, Any],
    model: type[S],
    *,
    where: str,
    naming: Callable[[Location], str] = dotted,
) -> S:
    """Build a ``model`` from plain values.

    Args:
        values: of its fields.
        model: what is built.
        where: the file or flag, which errors begin with.
        naming: how errors name a field.

    Raises:
        UserError: one line for the first thing that is wrong: where, field, what was found, what is allowed.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{where}: {_first_problem(error, model, naming)}") from error


def read_yaml(path: Path, model: type[S]) -> S:
    """Read a YAML file into ``model``.

    Raises:
        UserError: the file is missing, is not YAML, is not a mapping, or a field is wrong.
    """
    return parse(read_mapping(path), model, where=str(path))


def read_mapping(path: Path) -> dict[str, Any]:
    """Read the fields of a YAML file. Raises `UserError`: it is missing, is not YAML, or is not a mapping."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 ({error.reason}); save it as UTF-8") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        values = yaml.load(text, _LoaderOfOurs if path.is_relative_to(_PACKAGE) else _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        why = " ".join(str(getattr(error, "problem", error)).split())
        raise UserError(f"{path}{line}: not valid YAML: {why}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: expected a mapping of fields, found {type(values).__name__}")
    return values


class _SaidOnce(yaml.constructor.SafeConstructor):
    """Safe, and without a mapping that says something twice, of which YAML would take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """As in YAML; refused where a key stands twice."""
        seen: set[object] = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if not isinstance(name, Hashable):
                continue  # YAML's own error says more.
            if name in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"{name!r} stands twice; keep one", problem_mark=key.start_mark
                )
            seen.add(name)
        return super().construct_mapping(node, deep)


class _Loader(_SaidOnce, yaml.SafeLoader):
    """For what people write: its errors say more than libyaml's."""


class _LoaderOfOurs(_SaidOnce, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """For the package's own files, such as price books: ten times as fast where there is libyaml."""


_WORDS: Mapping[str, str] = {
    "tuple_type": "expected a list, such as [one, two]",
    "list_type": "expected a list, such as [one, two]",
    "dict_type": "expected fields with values, such as {one: 1, two: 2}",
    "model_type": "expected fields with values",
}
"""What pydantic says in the terms of Python, by its kinds of mistakes, for people who write YAML."""


_LETTERS: Mapping[str, str] = {
    r"^[a-z0-9_-]+$": "lower case letters, digits, _ and - only",
    r"^[A-Za-z0-9._/-]+$": "letters, digits, ., _, / and - only",
    r"^[\w.]+$": "letters, digits, _ and . only",
}
"""What the patterns of names allow."""


def _first_problem(
    error: ValidationError, model: type[Settings], naming: Callable[[Location], str]
) -> str:
    """One line for the first of the errors; one of the whole model names no field and repeats no input."""
    # A field that is not known is what another one lacks, if it is misspelt.
    first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    path = first["loc"]
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    field = f"{naming(path)}: " if path else ""
    if first["type"] == "extra_forbidden":
        fields = sorted(_model_at(model, path[:-1]).model_fields)
        near = did_you_mean(str(path[-1]), fields)
        return f"{field}unknown field; known are {', '.join(fields)}{near}{more}"
    if first["type"] == "missing":
        return f"{field}missing, and it has no default{more}"
    message = _WORDS.get(first["type"], first["msg"].removeprefix("Value error, "))
    if first["type"] == "string_pattern_mismatch":
        letters = _LETTERS.get(first["ctx"]["pattern"])
        message = f"expected {letters}" if letters else message
    message = " ".join(message.split())
    if not path or isinstance(first["input"], dict | BaseModel):
        return f"{field}{message}{more}"
    value = repr(first["input"])
    value = value if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]}..."
    return f"{field}found {value}; {message[0].lower()}{message[1:]}{more}"


def _model_at(model: type[Settings], path: Location) -> type[BaseModel]:
    """The model that the field at ``path`` inside ``model`` holds, through dicts and lists of models."""
    reached: type[BaseModel] = model
    for part in path:
        if isinstance(part, str) and part in reached.model_fields:
            reached = next(models_in(reached.model_fields[part].annotation), reached)
    return reached


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a field's type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)
