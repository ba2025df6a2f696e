"""Entity F1 of targets such as ``Add [Action] buffer [Reagent]``.

Strict form (``score``): both texts are read as multisets of (span, type); a hit is an entity that
is in both, as often as in both; micro F1 = 2 hits / (predicted + gold). Spurious and repeated
entities count. A mark is a known type in brackets; a text after the last mark is no entity. Types
that a task does not list are found in its gold targets.

Paper's form (``score_paper``), as its code computes it: rows with an empty source or target are
dropped, gold and output are dictionaries from span to type, and each gold entry is one trial: its
type against the output's type for that span, or against ``AMOUNT`` where the output has no such
span. Micro F1 of these pairs is the share that agree (``AMOUNT`` never agrees with the gold's
``Amount``); spurious entities are ignored. Its parser leaves out the last word of every span, so
all spans of one word share a dictionary entry, and the last one wins. That is kept in
``score_paper``, so that tables compare; ``dictionary_*`` are the same with whole spans.

Parts: ``micro_f1``, ``precision``, ``recall`` and ``macro_f1`` over types, strict;
``paper_micro_f1``, ``paper_macro_f1``; ``dictionary_micro_f1``, ``dictionary_macro_f1``.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np

from raydoa.tasks.metrics.statistic import (
    Floats,
    MetricStatistics,
    Outputs,
    Statistic,
    class_rows,
    macro_f1,
    micro_f1,
)

Entity: TypeAlias = tuple[str, str]
"""Span and type."""

_ANY_MARK = re.compile(r"\[([^\[\]\s]+)\]")
_PAPER_MISSING = "AMOUNT"


def entity_f1(outputs: Outputs) -> MetricStatistics:
    """Micro F1 over multisets of (span, type)."""
    types = outputs.classes or _types_in(outputs.targets)
    strict = _strict_rows(outputs, types)
    score = Statistic(strict, micro_f1)
    parts = {
        "micro_f1": score,
        "macro_f1": Statistic(strict, macro_f1),
        "precision": Statistic(strict, partial(_share_of_hits, of=1)),
        "recall": Statistic(strict, partial(_share_of_hits, of=2)),
    }
    for name, drop_last_word in (("paper", True), ("dictionary", False)):
        rows = _dictionary_rows(outputs, types, drop_last_word=drop_last_word)
        if len(rows):
            parts[f"{name}_micro_f1"] = Statistic(rows, micro_f1)
            parts[f"{name}_macro_f1"] = Statistic(rows, macro_f1)
    return MetricStatistics(score=score, paper=parts.get("paper_micro_f1"), parts=parts)


def parse_entities(text: str, types: Sequence[str]) -> list[Entity]:
    """The entities of ``text`` in order; ``types`` are the marks that end a span."""
    if not types:
        return []
    mark = re.compile(r"\[(" + "|".join(map(re.escape, types)) + r")\]")
    pieces = mark.split(text)
    return [
        (" ".join(span.split()), kind)
        for span, kind in zip(pieces[:-1:2], pieces[1::2], strict=True)
    ]


def _types_in(targets: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({kind for target in targets for kind in _ANY_MARK.findall(target)}))


def _strict_rows(outputs: Outputs, types: Sequence[str]) -> Floats:
    """Hits, predicted and gold entities by type: ``[rows, 3 types]``."""
    column = {kind: index for index, kind in enumerate(types)}
    rows = np.zeros((len(outputs.targets), 3, len(types)))
    for row, prediction, target in zip(rows, outputs.predictions, outputs.targets, strict=True):
        predicted, gold = (
            Counter(parse_entities(prediction, types)),
            Counter(parse_entities(target, types)),
        )
        for row_index, entities in enumerate((predicted & gold, predicted, gold)):
            for (_, kind), count in entities.items():
                row[row_index, column[kind]] += count
    return rows.reshape(len(rows), -1)


def _share_of_hits(sums: Floats, of: int) -> Floats:
    """Hits over predicted (1) or gold (2) entities; 0 where there are none."""
    parts = [part.sum(axis=-1) for part in np.split(sums, 3, axis=-1)]
    share: Floats = np.divide(parts[0], parts[of], out=np.zeros_like(parts[0]), where=parts[of] > 0)
    return share


def _dictionary_rows(outputs: Outputs, types: Sequence[str], *, drop_last_word: bool) -> Floats:
    """The paper's pairs of gold and output type, one a gold dictionary entry."""
    read = _paper_reader(types, drop_last_word=drop_last_word)
    pairs: list[tuple[str, str]] = []
    for source, text, target in zip(
        outputs.sources, outputs.predictions, outputs.targets, strict=True
    ):
        if source and target:
            written, gold_entities = read(text), read(target)
            pairs += [(kind, written.get(s, _PAPER_MISSING)) for s, kind in gold_entities.items()]
    kinds = sorted({one for pair in pairs for one in pair})
    number = {kind: index for index, kind in enumerate(kinds)}
    gold, output = ([number[pair[side]] for pair in pairs] for side in (0, 1))
    return class_rows(gold, output, len(number))


def _paper_reader(types: Sequence[str], *, drop_last_word: bool) -> Callable[[str], dict[str, str]]:
    """The paper's parser: a mark is a word, in any case; a repeated span keeps its last type."""
    marks = {f"[{kind}]".upper() for kind in types}
    short = 1 if drop_last_word else 0

    def read(text: str) -> dict[str, str]:
        entities: dict[str, str] = {}
        start = 0
        words = text.split()
        for index, word in enumerate(words):
            if word.upper() in marks:
                entities[" ".join(words[start : index - short])] = word[1:-1]
                start = index + 1
        return entities

    return read
