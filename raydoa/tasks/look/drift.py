"""Whether a pool is unlike the labelled rows: a classifier is trained to tell them apart, and its AUC says how well it does.

The classifier is naive Bayes over the words of a text, each counted once, trained on one half of the rows and scored on the
other, and the other way round. 0.5 says that it cannot tell them apart, 1 that it always can.
"""

import math
import random
from collections import Counter
from collections.abc import Sequence

from raydoa.tasks.same_text import normal

_MOST_ROWS = 2000
_DRAWN = 3 * _MOST_ROWS
"""Before copies are left out."""
FEWEST_ROWS = 50
"""Of each side: with fewer the AUC says nothing."""


def telling_apart(these: Sequence[str], those: Sequence[str]) -> float | None:
    """The AUC of a classifier between two sets of texts; None: one of them is too small to say."""
    sides = [_sample(texts, seed) for seed, texts in enumerate((these, those))]
    if min(map(len, sides)) < FEWEST_ROWS:
        return None
    scored = [
        (score, side)
        for fold in (0, 1)
        for score, side in _scores([words[fold::2] for words in sides], [words[1 - fold :: 2] for words in sides])
    ]  # fmt: skip
    return _auc(scored)


def _sample(texts: Sequence[str], seed: int) -> list[frozenset[str]]:
    drawn = random.Random(seed).sample(texts, min(len(texts), _DRAWN))
    # Each once: a copy on the other half would be recognised.
    once = list(dict.fromkeys(map(normal, drawn)))[:_MOST_ROWS]
    return [frozenset(text.split()) for text in once]


def _scores(
    learnt: list[list[frozenset[str]]], asked: list[list[frozenset[str]]]
) -> list[tuple[float, int]]:
    """Of each text that is asked for, how much its words are those of the second side, and its side."""
    first, second = (Counter(word for words in side for word in words) for side in learnt)
    rows = [len(side) for side in learnt]
    weight = {
        word: math.log((second[word] + 1) / (rows[1] + 2)) - math.log((first[word] + 1) / (rows[0] + 2))
        for word in first.keys() | second.keys()
    }  # fmt: skip
    return [
        (math.fsum(sorted(weight[word] for word in words if word in weight)), side)
        for side, texts in enumerate(asked)
        for words in texts
    ]


def _auc(scored: Sequence[tuple[float, int]]) -> float:
    """Area under the ROC curve: how often one of the second side scores above one of the first, ties counting half."""
    ranked = sorted(scored)
    ranks, at = 0.0, 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            end += 1
        middle = (at + end + 1) / 2
        ranks += middle * sum(side for _, side in ranked[at:end])
        at = end
    second = sum(side for _, side in ranked)
    return (ranks - second * (second + 1) / 2) / (second * (len(ranked) - second))
