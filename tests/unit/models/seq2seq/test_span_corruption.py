import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from raydoa.models.seq2seq.span_corruption import SENTINELS, corrupt, corrupted_examples
from raydoa.models.seq2seq.tokenizer import END_ID

VOCABULARY = 200
FIRST_SENTINEL = VOCABULARY - SENTINELS


def _restored(source: list[int], target: list[int]) -> list[int]:
    """The line that a source and a target came from: each sentinel replaced by what it hides."""
    hidden: dict[int, list[int]] = {}
    for token in target[:-1]:
        if token >= FIRST_SENTINEL:
            current = hidden.setdefault(token, [])
        else:
            current.append(token)
    line: list[int] = []
    for token in source[:-1]:
        line.extend(hidden[token] if token >= FIRST_SENTINEL else [token])
    return line


@given(
    line=st.lists(st.integers(2, FIRST_SENTINEL - 1), min_size=2, max_size=150),
    fraction=st.floats(0.05, 0.9),
    mean_span=st.floats(1, 10),
    seed=st.integers(0, 99),
)
def test_source_and_target_together_are_the_line(
    line: list[int], fraction: float, mean_span: float, seed: int
) -> None:
    source, target = corrupt(line, VOCABULARY, fraction, mean_span, np.random.default_rng(seed))
    assert source[-1] == target[-1] == END_ID
    assert _restored(source, target) == line
    sentinels = [token for token in target if token >= FIRST_SENTINEL]
    assert sentinels == [VOCABULARY - 1 - i for i in range(len(sentinels))]
    assert sentinels == [token for token in source if token >= FIRST_SENTINEL]
    assert len(source) - 1 > len(sentinels), "something is left to read"


def _made(seed: int, continued: float) -> list[tuple[list[int], list[int]]]:
    lines = [list(range(2, 40)), list(range(50, 120)), [7]]
    examples = corrupted_examples(
        lines,
        count=9,
        vocabulary=VOCABULARY,
        length=32,
        fraction=0.15,
        mean_span=3,
        continued=continued,
        seed=seed,
    )
    return [(list(e.source_ids), list(e.target_ids)) for e in examples]


def test_lines_are_corrupted_anew_and_by_seed() -> None:
    first = _made(0, continued=0.0)
    assert first == _made(0, continued=0.0) != _made(1, continued=0.0)
    assert len({str(pair) for pair in first}) == len(first) == 9
    assert all(2 <= len(_restored(source, target)) <= 32 for source, target in first)


def test_a_continued_line_is_cut_in_two() -> None:
    for source, target in _made(0, continued=1.0):
        assert source[-1] == target[-1] == END_ID
        line = [*source[:-1], *target[:-1]]
        assert line == list(range(line[0], line[0] + len(line))), "consecutive, as the lines are"
