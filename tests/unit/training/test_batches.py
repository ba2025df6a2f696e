import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from raydoa.models.seq2seq.loss import decoder_input
from raydoa.training.batches import Batches, Example, InTurn, collate, micro_batches


def _examples(count: int, seed: int = 0) -> list[Example]:
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 30, count)
    return [Example(str(i), [5] * int(n) + [1], [7, 1]) for i, n in enumerate(lengths)]


@given(count=st.integers(1, 200), size=st.integers(1, 40), seed=st.integers(0, 9))
def test_every_row_comes_once_an_epoch(count: int, size: int, seed: int) -> None:
    batches = Batches(_examples(count), size, seed)
    for epoch in (0, 3):
        first = epoch * batches.steps_per_epoch
        seen = [batches.rows(step) for step in range(first, first + batches.steps_per_epoch)]
        assert sorted(row for batch in seen for row in batch) == list(range(count))
        assert all(len(batch) <= size for batch in seen)


def test_a_batch_depends_on_its_step_alone() -> None:
    forward, jumping = (Batches(_examples(100), 8, seed=4) for _ in range(2))
    in_order = [forward.rows(step) for step in range(60)]
    assert [jumping.rows(step) for step in reversed(range(60))][::-1] == in_order
    assert [Batches(_examples(100), 8, seed=5).rows(step) for step in range(60)] != in_order
    assert in_order[:13] != in_order[13:26], "another order in the next epoch"


def test_batches_hold_rows_of_like_length() -> None:
    examples = _examples(1000)
    batches = Batches(examples, 20, seed=0)
    width = sum(
        20 * max(len(examples[row].source_ids) for row in batches.rows(step)) for step in range(50)
    )
    assert width < 1.05 * sum(len(example.source_ids) for example in examples)


@given(
    count=st.integers(1, 24),
    size=st.integers(1, 9),
    world=st.integers(1, 4),
)
def test_ranks_share_a_global_batch(count: int, size: int, world: int) -> None:
    examples = _examples(count)
    shares = [list(micro_batches(examples, size, 24, rank, world)) for rank in range(world)]
    assert len({len(share) for share in shares}) == 1, "ranks meet in every micro-batch"
    real = [micro for share in shares for micro, weight in share if weight]
    assert sum(len(micro.target) for micro in real) == count
    assert sorted(micro.index for micro in real) == list(range(-(-count // size)))


@given(
    count=st.integers(1, 24),
    size=st.integers(1, 6),
    worlds=st.tuples(st.integers(1, 7), st.integers(1, 7)),
)
def test_a_group_of_any_size_runs_the_same_micro_batches(
    count: int, size: int, worlds: tuple[int, int]
) -> None:
    """The same rows under the same index, which seeds dropout; what only fills in counts for nothing."""
    examples = _examples(count)

    def run(world: int) -> dict[int, list[list[int]]]:
        parts = [
            part for rank in range(world) for part in micro_batches(examples, size, 24, rank, world)
        ]
        return {micro.index: micro.source.tolist() for micro, weight in parts if weight}

    assert run(worlds[0]) == run(worlds[1])
    assert len(run(worlds[0])) == -(-count // size)


def test_padding_is_told_from_tokens_by_length_not_by_id() -> None:
    batch = collate([Example("a", [0, 5, 1], [0, 1]), Example("b", [6, 1], [7, 8, 1])])
    assert batch.source.tolist() == [[0, 5, 1], [6, 1, 0]]
    assert batch.source_mask.tolist() == [[1, 1, 1], [1, 1, 0]]
    assert batch.target_mask.tolist() == [[True, True, False], [True, True, True]]
    assert decoder_input(batch).tolist() == [[0, 0, 1], [0, 7, 8]]
    assert batch.to(torch.device("meta")).source.is_meta


@given(
    first=st.integers(1, 60),
    then=st.integers(1, 60),
    size=st.integers(1, 16),
    epochs=st.integers(1, 4),
)
def test_rows_in_turn_have_their_share_of_the_steps(
    first: int, then: int, size: int, epochs: int
) -> None:
    examples = _examples(first + then)
    steps = epochs * -(-len(examples) // size)
    batches = InTurn(examples[:first], examples[first:], size, 3, steps)
    ids = [[e.row_id for e in batches.global_batch(step)[0]] for step in reversed(range(steps))]
    early = [all(int(i) < first for i in batch) for batch in reversed(ids)]
    late = [all(int(i) >= first for i in batch) for batch in reversed(ids)]
    assert early == sorted(early, reverse=True), "none comes back"
    assert [not e for e in early] == late, "no batch holds both"
    assert abs(sum(early) - steps * first / (first + then)) <= 1
    assert steps == 1 or (any(early) and any(late))
