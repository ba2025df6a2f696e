"""Entities as a tag on each token of the source, and back to the text form ``span [Type] span [Type]``.

Tags are those of Ramshaw and Marcus (arXiv cmp-lg/9505040) in their usual form, IOB2: `B-Type` begins an entity, `I-Type`
goes on with it, `O` is in none. Entities stand in the target in the order of the source; each is looked for from where the
one before it ended, its words with any blanks between them. One that is not there (the target leaves a word out, say)
gives no tag.
"""

import re
from collections.abc import Sequence

from raydoa.tasks.metrics.entities import parse_entities

Offsets = Sequence[tuple[int, int]]
"""First character of each token and the one after its last; alike for special tokens."""

_OUTSIDE = 0


class Tags:
    """The tags of some entity types; ids are positions in ``names``."""

    def __init__(self, types: Sequence[str]) -> None:
        self._types = tuple(types)
        self._begins = {kind: 1 + 2 * index for index, kind in enumerate(types)}
        self.names = ("O", *(f"{place}-{kind}" for kind in types for place in "BI"))

    def of_text(self, target: str, source: str, offsets: Offsets) -> list[int]:
        """A tag for each token of ``source``."""
        tags = [_OUTSIDE] * len(offsets)
        for start, stop, kind in self.spans(target, source):
            inside = False
            for index, (first, last) in enumerate(offsets):
                if first < stop and last > start and last > first:
                    tags[index] = self._begins[kind] + inside
                    inside = True
        return tags

    def spans(self, target: str, source: str) -> list[tuple[int, int, str]]:
        """Where in ``source`` the entities of a target stand: first character, the one after the last, type."""
        found: list[tuple[int, int, str]] = []
        position = 0
        for span, kind in parse_entities(target, self._types):
            if (place := _place(span, source, position)) is not None:
                found.append((*place, kind))
                position = place[1]
        return found

    def text(self, tags: Sequence[int], source: str, offsets: Offsets) -> str:
        """The text form of the entities that ``tags`` mark; an `I` of another type than the tag before it begins one."""
        entities: list[tuple[int, int, str]] = []
        before = _OUTSIDE
        for tag, (first, last) in zip(tags, offsets, strict=True):
            if last <= first:
                continue
            if tag != _OUTSIDE:
                kind, inside = self._types[(tag - 1) // 2], tag % 2 == 0
                goes_on = inside and before != _OUTSIDE and (before - 1) // 2 == (tag - 1) // 2
                if goes_on:
                    entities[-1] = (entities[-1][0], last, kind)
                else:
                    entities.append((first, last, kind))
            before = tag
        return " ".join(
            f"{' '.join(source[first:last].split())} [{kind}]" for first, last, kind in entities
        )


def _place(span: str, source: str, start: int) -> tuple[int, int] | None:
    words = span.split()
    if not words:
        return None
    pattern = r"\s*".join(re.escape(word) for word in words)
    match = re.compile(pattern).search(source, start)
    return match.span() if match else None
