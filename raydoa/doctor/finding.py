"""A finding: what is wrong, where, and the remedy. Doctors collect findings; they raise only if they cannot look."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from raydoa.errors import did_you_mean


@dataclass(frozen=True)
class Finding:
    """One thing to mend.

    Attributes:
        place: the field of the file, or the node.
        problem: what was found.
        remedy: what to do.
    """

    place: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        """One line."""
        return " ".join(f"{self.place}: {self.problem}; {self.remedy}".split())


def unknown_keys(found: Mapping[str, Any], known: Iterable[str], place: str) -> Iterator[Finding]:
    """A finding for each key of ``found`` that is not ``known``."""
    names = sorted(known)
    for key in found:
        if key not in names:
            near = did_you_mean(str(key), names)
            yield Finding(f"{place}.{key}", f"unknown key{near}", f"known are {', '.join(names)}")


def leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every scalar inside nested mappings and lists, with its place as `a.b[0].c`."""
    if isinstance(value, Mapping):
        for key, inside in value.items():
            yield from leaves(inside, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        for index, inside in enumerate(value):
            yield from leaves(inside, f"{place}[{index}]")
    else:
        yield place, value


def inside(value: Any, *path: str) -> Any:
    """What stands at ``path`` inside nested mappings; None if it is not there, or something else stands in between."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def listed(value: Any) -> list[Any]:
    """``value`` if it is a list, else nothing."""
    return value if isinstance(value, list) else []
