"""What a search already has, and so what a candidate costs on top of it: its marginal cost.

Labels are nested, a teacher is one for its labels and repeat, and its pool rows are nested too. So a candidate pays
for labels above the most that were ever bought, for its teacher unless that is there, for the rows above those that
its teacher has labelled, and for its student. That is what sharing in the store comes to, known before anything runs.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from raydoa.search.costs import Costs, Items, Point

Artifact = tuple[str, int, int]
"""A teacher that was fine-tuned: its name, its labels, the repeat. All its students share its luck."""


@dataclass(frozen=True, order=True)
class Candidate:
    """What can be measured: a point; ``repeat`` counts trainings of it on the same rows, from 0."""

    point: Point
    repeat: int = 0

    @property
    def artifact(self) -> Artifact | None:
        """The teacher that it needs."""
        point = self.point
        return (point.teacher, point.labels, self.repeat) if point.teacher else None


@dataclass
class Holdings:
    """What exists, or is on its way: pending artifacts are sunk.

    Attributes:
        costs: prices and schedules.
        labels: the most gold labels that were ever needed, N at least.
        rows: pool rows labelled, by teacher; a teacher that is there has an entry.
        measured: candidates whose student is there.
    """

    costs: Costs
    labels: int = 0
    rows: dict[Artifact, int] = field(default_factory=dict)
    measured: set[Candidate] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.labels = max(self.labels, self.costs.owned)

    def copy(self) -> "Holdings":
        """The same, to go on from."""
        return Holdings(self.costs, self.labels, dict(self.rows), set(self.measured))

    def add(self, candidate: Candidate) -> Items:
        """Note that a candidate is made, and return what it costs on top of what was there, item by item."""
        items = self.marginal(candidate)
        self.measured.add(candidate)
        self.labels = max(self.labels, candidate.point.labels)
        artifact = candidate.artifact
        if artifact is not None:
            self.rows[artifact] = max(self.rows.get(artifact, 0), candidate.point.u)
        return items

    def marginal(self, candidate: Candidate) -> Items:
        """What a candidate costs on top of what is there."""
        point, costs = candidate.point, self.costs
        labels = max(0, point.labels - self.labels) * costs.label_usd
        if candidate in self.measured:
            return Items(labels)
        artifact = candidate.artifact
        if artifact is None:
            return Items(labels, student=point.student_steps * costs.student_step_usd)
        prices = costs.by_name[point.teacher]
        there = self.rows.get(artifact)
        return Items(
            labels=labels,
            teacher=costs.teacher_usd(point) if there is None else 0.0,
            pseudo_labels=max(0, point.u - (there or 0)) * prices.row_usd,
            student=point.student_steps * prices.student_step_usd,
        )

    def together(self, bundle: Iterable[Candidate]) -> float:
        """Marginal dollars of several candidates, which share what they can."""
        after = self.copy()
        return sum(after.add(candidate).total for candidate in bundle)
