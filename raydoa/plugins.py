"""Registries, and how a package of somebody else's brings entries of its own.

Strategies, cost items, model families and label sources are looked up by name. A package registers more of them from a
function that an entry point of the group ``raydoa.plugins`` names; it is called once in every process, Ray's workers
among them, before the first look into any registry:

    [project.entry-points."raydoa.plugins"]
    rules = "my_package.raydoa_plugin:register"
"""

import threading
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, Protocol, TypeVar

from raydoa.errors import UserError, did_you_mean

GROUP = "raydoa.plugins"


class Named(Protocol):
    """An entry of a registry."""

    @property
    def name(self) -> str:
        """Under which it is looked up."""
        ...


T = TypeVar("T", bound=Named)


class Registry(Generic[T]):
    """Entries by name, in the order in which they were registered; ``noun`` is what errors call one."""

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._entries: dict[str, T] = {}

    def register(self, entry: T, before: str | None = None) -> T:
        """Add an entry and return it.

        Args:
            entry: what is added.
            before: the entry that it stands before, where order matters; unless given, it stands last.

        Raises:
            ValueError: another one has that name, or there is no entry to stand before.
        """
        if entry.name in self._entries:
            raise ValueError(f"{self._noun} {entry.name!r} is registered twice")
        names = list(self._entries)
        if before is not None and before not in names:
            raise ValueError(
                f"{self._noun}: found {before!r} to stand before; known are {', '.join(names)}"
            )
        names.insert(len(names) if before is None else names.index(before), entry.name)
        entries = {**self._entries, entry.name: entry}
        self._entries = {name: entries[name] for name in names}
        return entry

    def get(self, name: str) -> T:
        """The entry called ``name``.

        Raises:
            UserError: there is none; the line names those that there are.
        """
        load_plugins()
        if name not in self._entries:
            names = list(self._entries)
            raise UserError(
                f"{self._noun}: found {name!r}; known are {', '.join(names)}{did_you_mean(name, names)}"
            )
        return self._entries[name]

    def names(self) -> tuple[str, ...]:
        """All names."""
        load_plugins()
        return tuple(self._entries)

    def __iter__(self) -> Iterator[T]:
        load_plugins()
        return iter(tuple(self._entries.values()))

    def __contains__(self, name: object) -> bool:
        load_plugins()
        return name in self._entries


_loading = threading.RLock()


@cache
def _unloaded() -> list[EntryPoint]:
    return list(entry_points(group=GROUP))


def load_plugins() -> None:
    """Let every installed plugin register what it brings, each once; one that is at it may look into registries."""
    with _loading:
        while _unloaded():
            register: Callable[[], None] = _unloaded().pop(0).load()
            register()
