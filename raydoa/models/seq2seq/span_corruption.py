"""Span corruption: T5's pretraining objective (arXiv 1910.10683, section 3.1.4) on token ids.

Spans of a line are replaced by sentinels, and the target lists each sentinel with the tokens that
it hides:

    source   the <s0> is a kind <s1> tool <end>
    target   <s0> wug <s1> of <end>

Sentinel i has the id ``vocabulary - 1 - i``, as in T5. A line is corrupted anew each time it is
seen.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from raydoa.models.seq2seq.tokenizer import END_ID
from raydoa.training.batches import Example

SENTINELS = 32


def corrupted_examples(
    lines: Sequence[Sequence[int]],
    *,
    count: int,
    vocabulary: int,
    length: int,
    fraction: float,
    mean_span: float,
    continued: float,
    seed: int,
) -> Iterator[Example]:
    """Yield ``count`` examples: every line in a new order and newly corrupted, again and again.

    Args:
        lines: token ids without the end; shorter than 2 cannot be corrupted and are left out.
        count: how many examples.
        vocabulary: ids of the model, sentinels at its top included.
        length: longest part of a line that is used, in tokens.
        fraction: share of the tokens to hide.
        mean_span: mean length of a hidden span in tokens.
        continued: share of the lines that are continued and not corrupted.
        seed: decides order and spans.
    """
    usable = [line for line in lines if len(line) >= 2]
    assert usable, "no line is long enough to be corrupted"
    random = np.random.default_rng(seed)
    made = 0
    while made < count:
        for position in random.permutation(len(usable)):
            if made == count:
                return
            line = _window(usable[position], length, random)
            if random.random() < continued:
                cut = int(random.integers(1, len(line)))
                source, target = [*line[:cut], END_ID], [*line[cut:], END_ID]
            else:
                source, target = corrupt(line, vocabulary, fraction, mean_span, random)
            yield Example(str(made), source, target)
            made += 1


def corrupt(
    line: Sequence[int],
    vocabulary: int,
    fraction: float,
    mean_span: float,
    random: np.random.Generator,
) -> tuple[list[int], list[int]]:
    """Source and target ids of one line, both ended; one token at least is hidden and one left."""
    hidden = min(len(line) - 1, max(1, round(len(line) * fraction)))
    most_spans = min(hidden, len(line) - hidden, SENTINELS)
    spans = min(most_spans, max(1, math.floor(hidden / mean_span + random.random())))
    gaps = _split(len(line) - hidden, spans, random)
    lead = int(random.integers(0, gaps[0] + 1))
    holes = _split(hidden, spans, random)
    source: list[int] = list(line[:lead])
    target: list[int] = []
    at = lead
    for index, (hole, gap) in enumerate(zip(holes, [*gaps[1:], gaps[0] - lead], strict=True)):
        sentinel = vocabulary - 1 - index
        source.append(sentinel)
        target.extend([sentinel, *line[at : at + hole]])
        at += hole
        source.extend(line[at : at + gap])
        at += gap
    assert at == len(line), "spans and gaps make up the line"
    return [*source, END_ID], [*target, END_ID]


def _split(total: int, parts: int, random: np.random.Generator) -> list[int]:
    """``total`` as a sum of ``parts`` numbers of at least 1, each such sum equally likely."""
    cuts: Sequence[int] | np.ndarray = (
        np.sort(random.choice(total - 1, parts - 1, replace=False)) + 1 if parts > 1 else []
    )
    return [int(part) for part in np.diff([0, *cuts, total])]


def _window(line: Sequence[int], length: int, random: np.random.Generator) -> Sequence[int]:
    if len(line) <= length:
        return line
    start = int(random.integers(0, len(line) - length + 1))
    return line[start : start + length]
