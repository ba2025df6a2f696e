"""A finding: a problem, its location and its remedy. Checks collect findings; they raise only if they cannot check."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One problem.

    Attributes:
        location: the field of the file, or the node.
        problem: what was found.
        remedy: how to fix it.
    """

    location: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        """One line."""
        return " ".join(f"{self.location}: {self.problem}; {self.remedy}".split())


def missing(
    config: Mapping[str, Any], location: str, field: str, remedy: str, why: str = ""
) -> Iterator[Finding]:
    """A finding if ``field`` of ``config`` is not given; ``why`` says what that leads to."""
    if not config.get(field):
        yield Finding(f"{location}.{field}", f"missing{why and ': '}{why}", remedy)


def leaves(value: Any, location: str = "") -> Iterator[tuple[str, Any]]:
    """Every scalar inside nested mappings and lists, with its location as `a.b[0].c`."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{location}.{key}" if location else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, f"{location}[{index}]")
    else:
        yield location, value


def nested(value: Any, *path: str) -> Any:
    """The value at ``path`` inside nested mappings; None if it is missing, or something on the way is no mapping."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def as_list(value: Any) -> list[Any]:
    """``value`` if it is a list, else an empty list."""
    return value if isinstance(value, list) else []


def as_mapping(value: Any) -> Mapping[str, Any]:
    """``value`` if it is a mapping, else an empty mapping."""
    return value if isinstance(value, Mapping) else {}
