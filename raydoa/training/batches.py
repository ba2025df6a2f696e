"""Which rows make up which step, as a pure function of the step.

Rows are shuffled anew each epoch, cut into windows of many batches, sorted by length inside a
window and cut into batches, whose order is shuffled again: little padding, and still a different
batch every time. What a row's length is depends on how a model lays it out (`Loss.target_cost`). Because a batch follows
from (lengths, batch size, seed, step) alone, training resumes at any step exactly.

A global batch is cut into micro-batches of equal size; micro-batch i belongs to rank i mod world.
Every loss is divided by the target tokens of the *global* batch, so that it makes no difference how
it was cut.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
import torch

PAD_ID = 0
TARGET_COST = 4
"""What a target token counts for when rows are sorted by length, in source tokens, unless a model's loss says otherwise."""
_WINDOW_BATCHES = 50


@dataclass(frozen=True)
class Example:
    """One row as token ids, each ended by the end id, and its soft labels if it has any."""

    row_id: str
    source_ids: Sequence[int]
    target_ids: Sequence[int]
    soft: Any = None


@dataclass(frozen=True)
class MicroBatch:
    """Padded tensors of some examples.

    Attributes:
        source: token ids ``[rows, source length]``.
        source_mask: 1 where ``source`` is a token.
        target: token ids ``[rows, target length]``.
        target_mask: True where ``target`` is a token.
        soft: the examples' soft labels, in order of rows.
        index: its position in the global batch; with seed and step it seeds dropout.
    """

    source: torch.Tensor
    source_mask: torch.Tensor
    target: torch.Tensor
    target_mask: torch.Tensor
    soft: tuple[Any, ...]
    index: int

    def rows(self, indices: Sequence[int]) -> "MicroBatch":
        """Some of the rows, as padded as all."""
        return replace(
            self,
            source=self.source[indices],
            source_mask=self.source_mask[indices],
            target=self.target[indices],
            target_mask=self.target_mask[indices],
            soft=tuple(self.soft[index] for index in indices),
        )

    def to(self, device: torch.device | str) -> "MicroBatch":
        """The same on another device; soft labels follow when they are used."""
        if str(device) == "cpu":
            return self
        return replace(
            self,
            source=self.source.to(device, non_blocking=True),
            source_mask=self.source_mask.to(device, non_blocking=True),
            target=self.target.to(device, non_blocking=True),
            target_mask=self.target_mask.to(device, non_blocking=True),
        )


class StoredRows(Sequence[Example], ABC):
    """Examples that are read when they are asked for, and whose lengths are known before.

    Attributes:
        lengths: source and target tokens of each ``[rows, 2]``.
    """

    lengths: np.ndarray

    @abstractmethod
    def read(self, index: int) -> Example:
        """The example at an index from 0."""

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        if isinstance(index, slice):
            return [self.read(i) for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.read(index)


class JoinedRows(StoredRows):
    """The rows of some sequences, ``parts``, one sequence after the other."""

    def __init__(self, parts: Sequence[Sequence[Example]]) -> None:
        self.parts = parts
        self._ends = np.cumsum([len(part) for part in parts])
        self.lengths = np.concatenate([lengths_of(part) for part in parts])

    def read(self, index: int) -> Example:
        part = int(np.searchsorted(self._ends, index, side="right"))
        return self.parts[part][index - (int(self._ends[part - 1]) if part else 0)]


def lengths_of(examples: Sequence[Example]) -> np.ndarray:
    """Source and target tokens of each example ``[rows, 2]``."""
    if isinstance(examples, StoredRows):
        return examples.lengths
    return np.array([(len(e.source_ids), len(e.target_ids)) for e in examples])


class Batches:
    """The global batches of a training, in an order that ``seed`` decides; the last one of an epoch may have fewer rows."""

    def __init__(
        self,
        examples: Sequence[Example],
        batch_size: int,
        seed: int,
        target_cost: int = TARGET_COST,
    ) -> None:
        assert examples, "nothing to train on"
        self._examples = examples
        self._batch_size = batch_size
        self._seed = seed
        self._lengths = lengths_of(examples) @ np.array([1, target_cost])
        self.steps_per_epoch = -(-len(examples) // batch_size)
        self._epoch: tuple[int, list[np.ndarray]] | None = None

    def rows(self, step: int) -> list[int]:
        """Indices of the examples in the global batch of ``step`` (from 0)."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = (epoch, self._order(epoch))
        return [int(index) for index in self._epoch[1][position]]

    def global_batch(self, step: int) -> tuple[list[Example], int]:
        """The examples of a step, and the number of their target tokens."""
        chosen = [self._examples[index] for index in self.rows(step)]
        return chosen, sum(len(example.target_ids) for example in chosen)

    def _order(self, epoch: int) -> list[np.ndarray]:
        random = np.random.default_rng([self._seed, epoch])
        shuffled = random.permutation(len(self._examples))
        window = _WINDOW_BATCHES * self._batch_size
        batches: list[np.ndarray] = []
        for start in range(0, len(shuffled), window):
            part = shuffled[start : start + window]
            part = part[np.argsort(self._lengths[part], kind="stable")]
            batches.extend(np.split(part, range(self._batch_size, len(part), self._batch_size)))
        return [batches[i] for i in random.permutation(len(batches))]


class InTurn:
    """The batches of a training that learns from some rows first and then from others.

    Each takes its rows' share of all ``steps``, and at least one.
    """

    def __init__(
        self,
        first: Sequence[Example],
        then: Sequence[Example],
        batch_size: int,
        seed: int,
        steps: int,
        target_cost: int = TARGET_COST,
    ) -> None:
        share = len(first) / (len(first) + len(then))
        self._turn = min(max(1, round(steps * share)), max(1, steps - 1))
        self._first = Batches(first, batch_size, seed, target_cost)
        self._then = Batches(then, batch_size, seed, target_cost)

    def global_batch(self, step: int) -> tuple[list[Example], int]:
        if step < self._turn:
            return self._first.global_batch(step)
        return self._then.global_batch(step - self._turn)


def micro_batches(
    chosen: Sequence[Example], size: int, batch_size: int, rank: int = 0, world: int = 1
) -> Iterator[tuple[MicroBatch, float]]:
    """The micro-batches of ``size`` rows of a rank, each with its weight in the loss (1 or 0).

    Every step has equally many on every rank, also in an epoch's last and smaller batch, because
    workers meet in each of them and DeepSpeed counts them: where no rows are left, the batch's
    first row runs with weight 0.
    """
    rounds = math.ceil(batch_size / size / world)
    for turn in range(rounds):
        index = turn * world + rank
        rows = chosen[index * size : (index + 1) * size]
        if rows:
            yield collate(rows, index), 1.0
        else:
            yield collate(chosen[:1], index), 0.0


def collate(examples: Sequence[Example], index: int = 0) -> MicroBatch:
    """Pad examples to the longest among them."""
    source, source_mask = _padded([example.source_ids for example in examples])
    target, target_mask = _padded([example.target_ids for example in examples])
    return MicroBatch(
        source=source,
        source_mask=source_mask.long(),
        target=target,
        target_mask=target_mask,
        soft=tuple(example.soft for example in examples),
        index=index,
    )


def _padded(rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids ``[rows, longest]`` and where they are tokens, which the ids alone cannot tell."""
    lengths = np.array([len(row) for row in rows])
    width = int(lengths.max())
    padded = np.full((len(rows), width), PAD_ID, dtype=np.int64)
    for position, row in enumerate(rows):
        padded[position, : len(row)] = row
    return torch.from_numpy(padded), torch.from_numpy(np.arange(width) < lengths[:, None])
