"""What finished sweeps say: measurements of the task itself, and other tasks, which only make a prior.

Every row that is not used is counted, and the reason is told: a plan that rests on less than its reader thinks would
be worse than none.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from raydoa.errors import UserError
from raydoa.models.architecture import NANO_MODELS, nano_shape
from raydoa.models.shapes import T5_SHAPES
from raydoa.planning.case import Case
from raydoa.report.rows import Row, read_rows, scored
from raydoa.search import priors
from raydoa.search.cells import candidate_of, measurements
from raydoa.search.costs import Costs, Point, Supply, TeacherPrices
from raydoa.search.priors import Knowledge
from raydoa.search.surrogate.surface import Measured

_MOST = 96
_MOST_OF_OTHERS = 96
_MOST_OF_ANOTHER = 32
_LEAST_OF_ANOTHER = 12
"""Measurements that are fitted: of the task, of all other tasks together, and of one of those. A fit takes the cube of
their number, and a plan is asked for by someone who waits."""
_VOCABULARY = 600
"""Of nano models in a study that pretrains none: their sizes hardly depend on it."""


@dataclass(frozen=True)
class Other:
    """Another task that was measured: its name, and where."""

    name: str
    measured: tuple[Measured, ...]
    costs: Costs


@dataclass(frozen=True)
class Evidence:
    """All that finished sweeps say.

    Attributes:
        measured: of the task.
        others: other tasks.
        places: names of the result dirs with the task's measurements.
        notes: what its reader must know: a line for each.
    """

    measured: tuple[Measured, ...] = ()
    others: tuple[Other, ...] = ()
    places: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def knowledge(self) -> Knowledge:
        """The measurements, with the prior that other tasks have taught; without any, the one that raydoa ships."""
        if not self.others:
            return Knowledge(self.measured, priors.shipped())
        names = ", ".join(other.name for other in self.others)
        learnt = priors.learn([(other.measured, other.costs) for other in self.others], names)
        return Knowledge(self.measured, learnt)


@dataclass(frozen=True)
class _Schedule:
    batch_size: int
    epochs: int


def gather(result_dirs: Sequence[Path], case: Case) -> Evidence:
    """Read finished sweeps.

    Raises:
        UserError: one is no result dir, or has nothing to learn from.
    """
    measured: list[Measured] = []
    others: list[Other] = []
    places: list[str] = []
    notes: list[str] = []
    for place in result_dirs:
        rows = read_rows(place)
        own = [row for row in rows if row["task"] == case.task]
        left_out = Counter(filter(None, (_why_not(row, case) for row in own)))
        told = measurements(
            (row for row in own if _why_not(row, case) is None), case.task, place.name
        )
        notes += [f"{place.name}: {count} of {len(own)} rows left out: {why}"
                  for why, count in left_out.items()]  # fmt: skip
        found = _others(rows, case, place.name)
        if told:
            measured += told
            places.append(place.name)
        elif found:
            names = ", ".join(sorted({other.name for other in found}))
            notes.append(
                f"{place.name}: nothing measured of task {case.task} that can be used; its tasks ({names}) are a prior"
            )
        else:
            raise UserError(_nothing(place, rows, case))
        others += found
    kept = spread(measured, _MOST)
    if len(kept) < len(measured):
        notes.append(f"of {len(measured)} measurements {len(kept)} are used, spread over all plans")
    return Evidence(tuple(kept), _thinned(others), tuple(places), (*notes, *contradictions(kept)))


def _nothing(place: Path, rows: Sequence[Row], case: Case) -> str:
    known = ", ".join(sorted({row["task"] for row in rows}))
    return (
        f"{place}: no scores of task {case.task} with student {case.study.sweep.student}, nor of another task; "
        f"tasks there: {known}"
    )


def _why_not(row: Row, case: Case) -> str | None:
    """Why a row of the task says nothing; "" where that goes without saying."""
    candidate = candidate_of(row)
    teachers = case.costs.by_name
    student = case.study.sweep.student
    if candidate is None:
        return ""
    point = candidate.point
    if not scored(row):
        return "no score that is a number"
    if row["student"] != student:
        return f"another student than {student}"
    if point.teacher and point.teacher not in teachers:
        return f"teachers other than {', '.join(teachers)} (name them with --teachers)"
    if not _as_it_is(point, row["strategy"], case.owned):
        return f"their owned and bought labels mean another plan where {case.owned:,} are owned"
    return None


def _as_it_is(point: Point, strategy: str, owned: int) -> bool:
    """Whether the labels mean the same where ``owned`` are owned: bought ones teach the student, owned ones do not."""
    return strategy == "annotate" or (strategy == "mixed") == (point.labels > owned)


def spread(measured: Sequence[Measured], most: int) -> list[Measured]:
    """At most so many measurements: of every plan one, then of every plan a second: repeats tell the least."""
    seen: Counter[Point] = Counter()
    order = []
    for told in measured:
        order.append((seen[told.point], told))
        seen[told.point] += 1
    order.sort(key=lambda pair: (pair[0], pair[1].point))
    firsts = [told for turn, told in order if turn == 0]
    if len(firsts) > most:
        return [firsts[round(i * (len(firsts) - 1) / (most - 1))] for i in range(most)]
    return [told for _, told in order[:most]]


def contradictions(measured: Sequence[Measured], far: float = 0.15) -> list[str]:
    """A line if the same plan was measured far apart."""
    apart = {
        point: (min(s), max(s)) for point, s in by_point(measured).items() if max(s) - min(s) > far
    }
    if not apart:
        return []
    point, (low, high) = max(apart.items(), key=lambda item: item[1][1] - item[1][0])
    what = f"{point.teacher}, U = {point.u:,}" if point.teacher else "annotate"
    return [
        f"{len(apart)} plan(s) were measured with scores more than {far} apart, such as {what} on {point.labels:,} "
        f"labels: {low:.3f} and {high:.3f}; intervals are wider for it"
    ]


def by_point(measured: Iterable[Measured]) -> Mapping[Point, list[float]]:
    """Scores of each plan."""
    found: dict[Point, list[float]] = {}
    for told in measured:
        found.setdefault(told.point, []).append(told.score)
    return found


def _others(rows: Sequence[Row], case: Case, place: str) -> list[Other]:
    """The other tasks of a sweep."""
    names = sorted({row["task"] for row in rows} - {case.task})
    found = (_other([row for row in rows if row["task"] == name], case, place) for name in names)
    return [other for other in found if other is not None]


def _thinned(others: Sequence[Other]) -> tuple[Other, ...]:
    """The more tasks there are, the less of each."""
    each = _MOST_OF_OTHERS // max(1, len(others))
    most = max(_LEAST_OF_ANOTHER, min(_MOST_OF_ANOTHER, each))
    return tuple(replace(other, measured=tuple(spread(other.measured, most))) for other in others)


def _other(rows: Sequence[Row], case: Case, place: str) -> Other | None:
    """Another task, with the sizes and schedules that its rows tell; its prices do not matter."""
    owned = max(row["n"] for row in rows)
    sizes = {name: _parameters(name, case) for name in {row["teacher"] for row in rows} - {None}}
    usable = [row for row in rows if _usable(row, owned, sizes)]
    told = measurements(usable, rows[0]["task"], place)
    if not told:
        return None
    teachers = [TeacherPrices(n, size, 0.0, 0.0, 0.0) for n, size in sizes.items() if size]
    sweep = case.study.sweep
    costs = replace(
        case.costs,
        owned=owned,
        teachers=tuple(sorted(teachers, key=lambda teacher: (teacher.parameters, teacher.name))),
        supply=Supply(10**9, 10**9, 2 * 10**9),
        on_labels=_seen(sweep.student_recipe.batch_size, [t.point for t in told if not t.point.teacher], owned),
        on_soft_labels=_seen(sweep.distill_recipe.batch_size, [t.point for t in told if t.point.teacher], owned),
    )  # fmt: skip
    return Other(f"{rows[0]['task']} in {place}", tuple(told), costs)


def _usable(row: Row, owned: int, sizes: Mapping[str, float | None]) -> bool:
    candidate = candidate_of(row)
    if candidate is None or not scored(row):
        return False
    point = candidate.point
    known = not point.teacher or sizes[point.teacher] is not None
    return known and _as_it_is(point, row["strategy"], owned)


def _seen(batch_size: int, points: Sequence[Point], owned: int) -> _Schedule:
    """The epochs of the student who was trained the longest: what the recipe seems to have been."""
    epochs = [1.0]
    for point in points:
        gold = point.labels if not point.teacher or point.labels > owned else 0
        epochs.append(point.student_steps / math.ceil((point.u + gold) / batch_size))
    return _Schedule(batch_size, math.ceil(max(epochs)))


def _parameters(name: str, case: Case) -> float | None:
    """How large a model is, by its name alone."""
    if name in NANO_MODELS:
        pretraining = case.study.sweep.pretraining
        vocabulary = pretraining.vocabulary if pretraining is not None else _VOCABULARY
        return float(nano_shape(name, vocabulary).parameters)
    shape = case.study.unit_costs.shapes.get(name) or T5_SHAPES.get(name)
    return float(shape.parameters) if shape is not None else None
