"""How long texts are for a model, in its tokens, and how many are cut."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from raydoa.tasks.data import Row, TaskRows
from raydoa.tasks.look.problems import Problem
from raydoa.tasks.task import CLOSED_METRICS, TaskSpec

_MOST_ROWS = 2000
"""Of a part that are counted."""
_MANY_CUT = 0.01
"""Targets that are cut cannot be written: a share of so many is no more the odd one."""


@dataclass(frozen=True)
class Lengths:
    """Of the texts of a part, or of a sample of it; ``cut`` is a share of them."""

    middle: int
    longest: int
    cut: float

    @classmethod
    def of(cls, lengths: Sequence[int], most: int) -> "Lengths":
        """Of texts of which ``most`` tokens are read."""
        ranked = sorted(lengths)
        cut = sum(length > most for length in ranked) / len(ranked)
        return cls(ranked[len(ranked) // 2], ranked[-1], cut)

    def said(self, most: int) -> str:
        """It, for people."""
        cut = f", {self.cut:.1%} are cut at {most}" if self.cut else ", none is cut"
        return f"{self.middle:,} in the middle, {self.longest:,} at most{cut}"


@dataclass(frozen=True)
class ModelLengths:
    """Lengths in tokens of a model.

    Attributes:
        model: what it is called.
        sources: of each part that has rows, with the prefix.
        targets: of the test rows, as a model writes them; None: this one has a head for the classes, or tags tokens.
        long_classes: those that are cut.
    """

    model: str
    sources: dict[str, Lengths]
    targets: Lengths | None
    long_classes: tuple[str, ...] = ()

    def line(self, spec: TaskSpec) -> str:
        """It, for people."""
        parts = [f"{part} sources {of.said(spec.source_length)}" for part, of in self.sources.items()]  # fmt: skip
        if self.targets is not None:
            parts.append(f"test targets {self.targets.said(spec.target_length)}")
        return f"tokens of {self.model}: {'; '.join(parts)}"

    def problems(self, spec: TaskSpec) -> Iterator[Problem]:
        """Why scores would say nothing."""
        if self.long_classes:
            line = (
                f"class {self.long_classes[0]!r} has more tokens of {self.model} than target_length ({spec.target_length}, with the "
                "end), so it is cut and never said: raise target_length, or say a shorter name under class_of"
            )
            yield Problem("cut-targets", line)
        elif self.targets is not None and self.targets.cut > _MANY_CUT:
            line = (
                f"{self.targets.cut:.1%} of the test targets have more tokens of {self.model} than target_length "
                f"({spec.target_length}), so they are cut and cannot be written: raise target_length ({self.targets.longest} holds all)"
            )
            yield Problem("cut-targets", line)


def lengths_in_tokens(
    rows: TaskRows,
    spec: TaskSpec,
    model: str,
    count: Callable[[Sequence[str]], list[int]],
    *,
    writes: bool,
) -> ModelLengths:
    """Count the tokens of a task's rows, or of a sample where there are many.

    Args:
        rows, spec: the task.
        model: whose tokens.
        count: says how many tokens texts have, those around each included.
        writes: whether the model writes targets as text.
    """
    parts = {"train": rows.train, "test": rows.test, "pool": rows.pool}
    sources = {
        name: Lengths.of(count([spec.prefix + row.source for row in _sample(part)]), spec.source_length)
        for name, part in parts.items() if part
    }  # fmt: skip
    if not writes:
        return ModelLengths(model, sources, None)
    # A tokenizer that puts nothing around a text leaves its end to the model.
    end = 1 - min(1, count([""])[0])
    targets = [n + end for n in count([row.target or "" for row in _sample(rows.test)])]
    names = spec.classes if spec.metric in CLOSED_METRICS else ()
    long = [name for name, n in zip(names, count(names), strict=True) if n + end > spec.target_length]  # fmt: skip
    return ModelLengths(model, sources, Lengths.of(targets, spec.target_length), tuple(long))


def _sample(rows: Sequence[Row]) -> Sequence[Row]:
    return rows if len(rows) <= _MOST_ROWS else random.Random(0).sample(rows, _MOST_ROWS)
