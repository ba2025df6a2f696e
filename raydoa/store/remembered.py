"""What hundreds of thousands of stages ask again and again: the fields of a class, and texts of values that many of them hold.

A recipe, a form, or what is kept of a teacher's labels is written once. It is known by which object it is, not by what it
equals: 1 and True are equal, and are not written alike.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

_FIELDS: dict[Any, tuple[tuple[str, bool, Any], ...]] = {}


def fields(cls: Any) -> tuple[tuple[str, bool, Any], ...]:
    """Of a dataclass: of each field its name, whether it came later (`raydoa.store.key.LATER`), and its default."""
    if cls not in _FIELDS:
        found = dataclasses.fields(cls)
        _FIELDS[cls] = tuple((f.name, "later" in f.metadata, f.default) for f in found)
    return _FIELDS[cls]


class WrittenOnce:
    """Texts by the `id` of their values, with the values, so that no other object gets that; emptied at ``most``."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._texts: dict[int, tuple[object, str]] = {}

    def text(self, value: object, write: Callable[[], str]) -> str:
        """The text of ``value``: as it was written before, or else as ``write`` has it."""
        held = self._texts.get(id(value))
        if held is not None and held[0] is value:
            return held[1]
        text = write()
        if _never_changes(value):
            if len(self._texts) >= self._most:
                self._texts.clear()
            self._texts[id(value)] = value, text
        return text


def _never_changes(value: object) -> bool:
    """Whether it is a frozen object, and what it holds is too: else it has no hash."""
    if not (isinstance(value, BaseModel) or dataclasses.is_dataclass(value)):
        return False
    try:
        hash(value)
    except TypeError:
        return False
    return True
