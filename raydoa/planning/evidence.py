"""What finished sweeps say: measurements of the task itself, and other tasks, which only make a prior.

Every row that is not used is counted, and a note gives the reason: a plan that rests on less than its reader thinks
would be worse than none.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from raydoa.costs.items import ITEMS
from raydoa.costs.items.item import gold_rows
from raydoa.costs.plan import Plan
from raydoa.costs.question import Question
from raydoa.errors import UserError
from raydoa.experiment.result_row import AWAITING_LABELS, INFEASIBLE, ResultRow
from raydoa.experiment.study import Study
from raydoa.planning.left_out import LeftOut, leave_out
from raydoa.planning.measurements import (
    data_of,
    is_control,
    measurements,
    plan_of,
    unregistered,
)
from raydoa.planning.other_tasks import OtherTask, other_tasks
from raydoa.report.rows import read_result_rows, scored
from raydoa.search import priors
from raydoa.search.priors import Knowledge
from raydoa.search.surrogate.surface import Measured
from raydoa.strategies.llm_rows import LlmShots
from raydoa.strategies.strategy import short_name

if TYPE_CHECKING:
    from raydoa.llm.pilot import Pilot

_MOST = 96
_MOST_OF_OTHERS = 96
_MOST_OF_ANOTHER = 32
_LEAST_OF_ANOTHER = 12
"""Measurements that are fitted: of the task, of all other tasks together, and of one of those. A fit takes the cube of
their number, and a plan is asked for by someone who waits."""


@dataclass(frozen=True)
class Evidence:
    """All that finished sweeps say.

    Attributes:
        measured: of the task.
        others: other tasks.
        pilots: of LLMs on the task's owned rows.
        sweeps: names of the result dirs with the task's measurements.
        notes: what its reader must know: a line for each.
    """

    measured: tuple[Measured, ...] = ()
    others: tuple[OtherTask, ...] = ()
    pilots: "Mapping[LlmShots, Pilot]" = field(default_factory=dict)
    sweeps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def _learnt(self) -> priors.Learnt:
        return priors.learn([(other.measured, other.question) for other in self.others])

    @cached_property
    def left_out(self) -> LeftOut:
        """Whether the other tasks were shown to predict one of them by the rest."""
        return leave_out(self.others, self._learnt) if self.others else LeftOut()

    @property
    def predicts(self) -> bool:
        """Whether anything is known of the task's scores."""
        return bool(self.measured) or self.left_out.predicts

    @cached_property
    def knowledge(self) -> Knowledge:
        """The measurements, with the prior that other tasks have taught if that was shown to help; else with wide guesses."""
        if not self.left_out.helps:
            return Knowledge(self.measured)
        names = ", ".join(other.name for other in self.others)
        return Knowledge(self.measured, self._learnt.prior(names), self.left_out.predicts)


def gather(result_dirs: Sequence[Path], question: Question, study: Study) -> Evidence:
    """Read finished sweeps.

    Args:
        result_dirs: of sweeps or searches.
        question: what is asked.
        study: knows the sizes of models.

    Raises:
        UserError: one is no result dir, or has nothing to learn from.
    """
    measured: list[Measured] = []
    others: list[OtherTask] = []
    sweeps: list[str] = []
    notes: list[str] = []
    for result_dir in result_dirs:
        rows, sweep = read_result_rows(result_dir), result_dir.name
        own = [row for row in rows if row["task"] == question.task]
        reasons = [_why_not(row, question) for row in own]
        usable = [row for row, reason in zip(own, reasons, strict=True) if reason is None]
        notes += [
            f"{sweep}: {count} of {len(own)} rows left out: {reason}"
            for reason, count in Counter(filter(None, reasons)).items()
        ]
        of_task = measurements(usable, question, sweep)
        of_others = other_tasks(rows, question, study, sweep)
        if of_task:
            measured += of_task
            sweeps.append(sweep)
        elif of_others:
            names = ", ".join(sorted({other.name for other in of_others}))
            notes.append(
                f"{sweep}: nothing measured of task {question.task} that can be used; it has other tasks ({names})"
            )
        else:
            raise UserError(_nothing(result_dir, rows, question))
        others += of_others
    kept = spread(measured, _MOST)
    if len(kept) < len(measured):
        notes.append(f"of {len(measured)} measurements {len(kept)} are used, spread over all plans")
    return Evidence(
        tuple(kept),
        _thinned(others),
        sweeps=tuple(sweeps),
        notes=(*notes, *contradictions(kept)),
    )


def _nothing(result_dir: Path, rows: Sequence[ResultRow], question: Question) -> str:
    tasks = ", ".join(sorted({row["task"] for row in rows}))
    return (
        f"{result_dir}: no scores of task {question.task} with student {question.student}, nor of another task; "
        f"tasks there: {tasks}"
    )


def _why_not(row: ResultRow, question: Question) -> str | None:
    """Why a row of the task says nothing; "" where that goes without saying."""
    plan = plan_of(row)
    if row["status"] in (INFEASIBLE, AWAITING_LABELS) or is_control(plan):
        return ""
    teacher, missing, teachers = plan.choice("teacher"), unregistered(plan), question.teachers
    reasons = {
        "no score that is a number": not scored(row),
        f"another student than {question.student}": plan.student != question.student,
        f"no plugin that is installed has cost item {', '.join(missing)}": bool(missing),
        f"teachers other than {', '.join(teachers)} (name them with --teachers)": (
            teacher is not None and teacher not in teachers
        ),
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def spread(measured: Sequence[Measured], most: int) -> list[Measured]:
    """At most so many measurements: of every plan one, then of every plan a second: repeats tell the least."""
    seen: Counter[Plan] = Counter()
    turns = []
    for measurement in measured:
        turns.append((seen[measurement.plan], measurement))
        seen[measurement.plan] += 1
    turns.sort(key=lambda pair: (pair[0], *_position(pair[1].plan)))
    firsts = [measurement for turn, measurement in turns if turn == 0]
    if len(firsts) > most:
        return [firsts[round(i * (len(firsts) - 1) / (most - 1))] for i in range(most)]
    return [measurement for _, measurement in turns[:most]]


def _position(plan: Plan) -> tuple[object, ...]:
    """Where a plan stands among all, so that those that are far apart learn from other labels."""
    return gold_rows(plan), plan.choices, plan.quantities


def contradictions(measured: Sequence[Measured], far: float = 0.15) -> list[str]:
    """A line if the same plan was measured far apart."""
    apart = {
        plan: (min(s), max(s))
        for plan, s in scores_by_plan(measured).items()
        if max(s) - min(s) > far
    }
    if not apart:
        return []
    plan, (low, high) = max(apart.items(), key=lambda item: item[1][1] - item[1][0])
    return [
        f"{len(apart)} plan(s) were measured with scores more than {100 * far:g} points apart, such as {_short(plan)}: "
        f"{100 * low:.1f} and {100 * high:.1f}; intervals are wider for it"
    ]


def _short(plan: Plan) -> str:
    data = [f"{count:,} {ITEMS.get(item).title}" for item, count in data_of(plan).items() if count]
    models = [f"{short_name(value)} on " for _, value in plan.choices]
    return "".join(models) + " and ".join(data)


def scores_by_plan(measured: Iterable[Measured]) -> Mapping[Plan, list[float]]:
    """Scores of each plan."""
    scores: dict[Plan, list[float]] = {}
    for measurement in measured:
        scores.setdefault(measurement.plan, []).append(measurement.score)
    return scores


def _thinned(others: Sequence[OtherTask]) -> tuple[OtherTask, ...]:
    """The more tasks there are, the less of each."""
    each = _MOST_OF_OTHERS // max(1, len(others))
    most = max(_LEAST_OF_ANOTHER, min(_MOST_OF_ANOTHER, each))
    return tuple(replace(other, measured=tuple(spread(other.measured, most))) for other in others)
