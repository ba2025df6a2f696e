"""Where two tokenizations of a text meet, and the tokens that two vocabularies share.

A token of the student and one of the teacher meet where both begin behind the same part of the text and write the same
bytes of it; the ends meet at the end of the text. There teacher and student have been asked the same question, and the
answer that the text gives to it is one that both have, so their distributions over what both can say can be compared.
A token that only begins where the teacher's does is no such place: the teacher goes on with a piece that the student
does not have, so what it gives to the pieces of both is the answer to another question.

Where in the text a token stands follows from what ids write (`raydoa.models.token_texts`), matched with the text from its
front, and from its back as far as they are the same. What a tokenizer does not know, or changes (to lower case), is
stepped over so, and meets nothing. Blanks count for what is written, not for where it is: decoders add and drop them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from raydoa.models.token_texts import TokenTexts

_Place: TypeAlias = tuple[int, bytes | None]
"""Bytes of the text before a token, without blanks, and the blanks since the last of them; None: it is the end."""
NOWHERE = -1


@dataclass(frozen=True)
class Meets:
    """Of each token of a student: the position of the teacher's that it meets, or `NOWHERE`.

    ``first`` says which of them are the first of a text where that takes a table of its own (`Alignment.first`).
    """

    teacher: tuple[int, ...]
    first: tuple[bool, ...]


@dataclass(frozen=True)
class Alignment:
    """Of a teacher's tokenizer and a student's."""

    teacher: TokenTexts
    student: TokenTexts

    @cached_property
    def shared(self) -> tuple[tuple[int, int], ...]:
        """Ids of teacher and student that write the same, by the student's, and their ends."""
        ours, theirs = self.student.ids, self.teacher.ids
        return self._with_ends((theirs[text], ours[text]) for text in ours if text in theirs)

    @cached_property
    def first(self) -> tuple[tuple[int, int], ...] | None:
        """The same of the first token of a text, where one tokenizer brings a blank with it; None: it is `shared`."""
        if self.teacher.blank_first == self.student.blank_first:
            return None
        ours, theirs = (_at_the_beginning(side) for side in (self.student, self.teacher))
        return self._with_ends((theirs[text], ours[text]) for text in ours if text in theirs)

    def meets(
        self, text: str, teacher: Sequence[int], student: Sequence[int], *, student_length: int
    ) -> Meets:
        """Where the tokens of a student and a teacher meet that stand for a text; the student's may be cut at a length."""
        solid = b"".join(text.encode().split())
        theirs = _places(self.teacher, teacher, solid, whole=self.teacher.end in teacher[-1:])
        ours = _places(self.student, student, solid, whole=len(student) < student_length)
        at = {place: position for position, place in enumerate(theirs) if place is not None}
        found, first = [], []
        for place, token in zip(ours, student, strict=True):
            position = at.get(place, NOWHERE) if place is not None else NOWHERE
            begins = self.first is not None and place == (0, b"")
            pairs = self._first_pairs if begins else self._pairs
            meets = position != NOWHERE and (teacher[position], token) in pairs
            found.append(position if meets else NOWHERE)
            first.append(meets and begins)
        return Meets(tuple(found), tuple(first))

    @cached_property
    def _pairs(self) -> frozenset[tuple[int, int]]:
        return frozenset(self.shared)

    @cached_property
    def _first_pairs(self) -> frozenset[tuple[int, int]]:
        return frozenset(self.first or ())

    def _with_ends(self, pairs: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        ends = (self.teacher.end, self.student.end)
        return tuple(sorted([*pairs, ends], key=lambda pair: pair[1]))


def _at_the_beginning(side: TokenTexts) -> dict[bytes, int]:
    """What ids write as the first of a text."""
    if not side.blank_first:
        return side.ids
    return {text[1:]: one for text, one in side.ids.items() if text.startswith(b" ") and text[1:]}


def _places(
    side: TokenTexts, ids: Sequence[int], solid: bytes, *, whole: bool
) -> list[_Place | None]:
    """Where in a text without blanks its tokens stand, as far as that is certain; of a ``whole`` text from its back as well."""
    pieces = [side.of(token) for token in ids]
    begins = next((index for index, piece in enumerate(pieces) if piece), None)
    if side.blank_first and begins is not None:
        pieces[begins] = (pieces[begins] or b"").removeprefix(b" ")
    blanks = list(_blanks_before(pieces))
    places: list[_Place | None] = [None] * len(ids)
    at = front = 0
    for front, (token, piece) in enumerate(zip(ids, pieces, strict=True)):
        if token == side.end and at == len(solid):
            places[front] = (at, None)
            return places
        solids = _solid(piece)
        if token == side.end or solids is None or not solid.startswith(solids, at):
            break
        places[front] = (at, blanks[front]) if piece else None
        at += len(solids)
    else:
        return places
    stop = len(solid)
    for index in range(len(ids) - 1, front if whole else len(ids), -1):
        solids = _solid(pieces[index])
        if ids[index] == side.end:
            places[index] = (stop, None)
        elif solids is None or not solid.startswith(solids, max(at, stop - len(solids)), stop):
            break
        else:
            stop -= len(solids)
            places[index] = (stop, blanks[index]) if pieces[index] else None
    return places


def _solid(piece: bytes | None) -> bytes | None:
    """What a piece writes, without blanks."""
    return piece if piece is None else b"".join(piece.split())


def _blanks_before(pieces: Iterable[bytes | None]) -> Iterator[bytes]:
    """The blanks between each piece and what was last written before it."""
    blanks = b""
    for piece in pieces:
        yield blanks
        # Behind what is not known, or behind letters, only the blanks that a piece itself ends with.
        kept = blanks if piece is not None and not piece.strip() else b""
        blanks = kept + (piece or b"")[len((piece or b"").rstrip()) :]
