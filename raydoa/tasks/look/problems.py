"""What makes every score meaningless: an error, unless it is allowed by its name."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

from raydoa.errors import UserError
from raydoa.tasks.data import Row, TaskRows
from raydoa.tasks.task import CLOSED_METRICS, TaskSpec

ProblemName: TypeAlias = Literal["one-class", "empty-targets", "cut-targets"]
AllowedName: TypeAlias = Literal[ProblemName, "test-in-train"]
"""``test-in-train``: rows of train and pool that are test rows are left out unless that is allowed."""

_MANY_CUT = 0.5


class Problem(NamedTuple):
    """Why scores would say nothing."""

    name: ProblemName
    line: str


def check_meaning(problems: Iterable[Problem], task: str, allowed: Collection[str]) -> None:
    """Refuse rows on which no score means anything.

    Raises:
        UserError: the first reason that is not among ``allowed``, and how it is allowed.
    """
    for problem in problems:
        if problem.name not in allowed:
            raise UserError(
                f"task {task}: {problem.line}; --allow {problem.name} runs it all the same"
            )


def find_problems(rows: TaskRows, spec: TaskSpec) -> Iterator[Problem]:
    """Yield the reasons."""
    for part, of_part in (("train", rows.labelled), ("test", rows.test)):
        targets = {row.target for row in of_part}
        if targets == {""}:
            line = f"every target of {part} is empty, so whoever says nothing scores best"
            yield Problem("empty-targets", line)
        elif spec.metric in CLOSED_METRICS and len(targets) == 1:
            (only,) = targets
            line = f"all {len(of_part):,} rows of {part} are {only!r}, so one answer for every row is as good as any model"
            yield Problem("one-class", line)
    yield from _cut(rows.test, spec)


def _cut(test: Sequence[Row], spec: TaskSpec) -> Iterator[Problem]:
    """Targets that have more words than ``target_length`` has tokens, the end among them: no tokenizer saves them."""
    most = spec.target_length - 1
    if spec.metric in CLOSED_METRICS:
        long = [name for name in spec.classes if len(name.split()) > most]
        if long:
            line = (
                f"class {long[0]!r} has {len(long[0].split())} words and target_length is {spec.target_length} tokens with the end, "
                "so it is cut and never said: raise target_length, or say a shorter name under class_of"
            )
            yield Problem("cut-targets", line)
        return
    cut = sum(len((row.target or "").split()) > most for row in test)
    if cut > _MANY_CUT * len(test):
        line = (
            f"{cut:,} of {len(test):,} test targets have more words than target_length has tokens ({spec.target_length}), so they "
            "are cut and cannot be written: raise target_length"
        )
        yield Problem("cut-targets", line)
