"""All that is looked at, and how it is said."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from raydoa.tasks.data import Row, TaskRows
from raydoa.tasks.look.balance import Balance, least_difference
from raydoa.tasks.look.drift import telling_apart
from raydoa.tasks.look.duplicates import Duplicates, find_duplicates
from raydoa.tasks.look.leaks import Leaks, find_leaks
from raydoa.tasks.look.lengths import ModelLengths
from raydoa.tasks.look.problems import Problem, find_problems
from raydoa.tasks.look.written import WrittenLook, WrittenOdd
from raydoa.tasks.task import CLOSED_METRICS, TaskSpec

_UNLIKE = 0.75
"""An AUC from which a pool is called unlike the labelled rows."""
_LEAKING = 0.05
_SHOWN = 60


@dataclass(frozen=True)
class Look:
    """What was found in a task's rows.

    Attributes:
        spec: the task.
        counts: rows by part; ``unlabelled`` are those of train without a label.
        train, test: their classes, of a task that has some.
        words: of the sources, the middle and the longest of them, by part.
        cut: rows by part whose source has surely more tokens than ``source_length``: it has as many words.
        duplicates, leaks: see there.
        unlike: the AUC of telling pool and labelled rows apart; None: there is no pool, or too little of it.
        problems: why scores would mean nothing.
        notes: what was done to the rows when they were read.
        tokens: lengths in tokens of models, of those that are known.
    """

    spec: TaskSpec
    counts: dict[str, int]
    train: Balance | None
    test: Balance | None
    words: dict[str, tuple[int, int]]
    cut: dict[str, int]
    duplicates: Duplicates
    leaks: Leaks
    unlike: float | None
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    tokens: tuple[ModelLengths, ...] = ()

    def counted(self, tokens: Sequence[ModelLengths]) -> "Look":
        """With lengths in tokens, and what they show."""
        found = [problem for one in tokens for problem in one.problems(self.spec)]
        return replace(self, tokens=tuple(tokens), problems=(*self.problems, *found))

    def lines(self) -> Iterator[str]:
        """It, for people: numbers first, then what is odd."""
        yield f"task {self.spec.name}: {', '.join(f'{count:,} {what}' for what, count in self.counts.items() if count)}"
        for part, balance in (("train", self.train), ("test", self.test)):
            if balance is not None:
                classes = ", ".join(f"{name} {count:,}" for name, count in balance.counts.items())
                yield f"  {part}: {classes}; always the first scores {balance.majority:.3f} in accuracy"
        yield from (f"  {line}" for line in self._sizes())
        yield from (f"  note: {note}" for note in self.notes)
        yield from (f"  odd: {line}" for line in self._odd(quoting=True))
        yield from (f"  WRONG: {problem.line} ({problem.name})" for problem in self.problems)

    def written(self) -> WrittenLook:
        """What of it is kept beside the results of a sweep, and shown there."""
        parts = {"train": self.train, "test": self.test}
        bare, whole = (self._odd(quoting=quoting) for quoting in (False, True))
        odd = [
            (line, quoting.removeprefix(line)) for line, quoting in zip(bare, whole, strict=True)
        ]
        return WrittenLook(
            task=self.spec.name,
            metric=self.spec.metric,
            counts={what: count for what, count in self.counts.items() if count},
            classes={part: balance.counts for part, balance in parts.items() if balance},
            sizes=tuple(self._sizes()),
            notes=self.notes,
            odd=tuple(WrittenOdd(line=line, quoted=quoted) for line, quoted in odd),
            wrong=tuple(problem.line for problem in self.problems),
        )

    def _sizes(self) -> Iterator[str]:
        for part, (middle, longest) in self.words.items():
            cut = self.cut[part]
            told = f"; {cut:,} are surely cut at source_length {self.spec.source_length}" if cut else ""  # fmt: skip
            yield f"{part}: sources of {middle:,} words in the middle, {longest:,} at most{told}"
        yield from (one.line(self.spec) for one in self.tokens)
        least = least_difference(self.counts["test rows"])
        yield (
            f"test: of {self.counts['test rows']:,} rows; differences of less than {100 * least:.3g} points cannot be told from luck"
        )

    def _odd(self, *, quoting: bool) -> Iterator[str]:
        found, leaks = self.duplicates, self.leaks
        if found.in_test:
            yield (
                f"{found.in_test:,} test sources stand in train, so a model may know their answers ({found.of_test['train']:,} rows of "
                "train have them)"
            )
        if found.of_test["pool"]:
            yield f"{found.of_test['pool']:,} rows of the pool have the source of a test row"
        if found.of_train:
            yield f"{found.of_train:,} rows of the pool have the source of a labelled row"
        for part, count in found.within.items():
            if count:
                yield f"{part}: {count:,} rows repeat the source of an earlier one"
        if found.example is not None:
            source, targets = found.example
            kinds = ", ".join(repr(_short(target)) for target in targets[:3])
            quoted = f", such as {_short(source)!r}: {kinds}" if quoting else ""
            yield f"{found.divided:,} sources of train have several targets{quoted}"
        if leaks.same:
            yield f"{leaks.same:,} test targets are the same as their source"
        if leaks.leaks and leaks.named >= _LEAKING * self.counts["test rows"]:
            yield (
                f"{leaks.named:,} test sources name their class, and {leaks.misnamed:,} another one: the answer may stand in the text"
            )
        if self.unlike is not None and self.unlike >= _UNLIKE:
            yield (
                f"the pool is unlike the labelled rows: a classifier tells them apart with an AUC of {self.unlike:.2f} (0.5: it cannot)"
            )


def look_at(rows: TaskRows, spec: TaskSpec) -> Look:
    """Look at all rows."""
    closed = spec.metric in CLOSED_METRICS
    parts: dict[str, Sequence[Row]] = {"train": rows.train, "test": rows.test, "pool": rows.pool}
    words = {name: sorted(len(row.source.split()) for row in part) for name, part in parts.items() if part}  # fmt: skip
    pool = rows.pool or rows.unlabelled
    return Look(
        spec=spec,
        counts={
            "labelled rows": len(rows.labelled), "without a label": len(rows.unlabelled),
            "test rows": len(rows.test), "pool rows": len(rows.pool),
        },
        train=Balance.of(rows.labelled) if closed else None,
        test=Balance.of(rows.test) if closed else None,
        words={name: (counts[len(counts) // 2], counts[-1]) for name, counts in words.items()},
        cut={name: sum(count >= spec.source_length for count in counts) for name, counts in words.items()},
        duplicates=find_duplicates(rows),
        leaks=find_leaks(rows.test, spec),
        unlike=telling_apart([row.source for row in rows.labelled], [row.source for row in pool]),
        problems=tuple(find_problems(rows, spec)),
        notes=rows.notes,
    )  # fmt: skip


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
