"""A task with three teachers and a law that is known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from raydoa.search.costs import Costs, Point, Supply, TeacherPrices
from raydoa.search.space import Space
from raydoa.search.surrogate.surface import Measured


@dataclass(frozen=True)
class _Schedule:
    epochs: int
    batch_size: int = 32


_SIZES = {"small": 2.5e8, "middle": 8e8, "large": 1.1e10}
COSTS = Costs(
    owned=200,
    label_usd=0.25,
    student_step_usd=2e-5,
    teachers=tuple(
        TeacherPrices(name, size, 1e-3 * size / 1e9, 1e-5 * size / 1e9, 3e-5)
        for name, size in _SIZES.items()
    ),
    supply=Supply(5000, 5000, 8000),
    of_teacher=_Schedule(20),
    on_labels=_Schedule(50),
    on_soft_labels=_Schedule(50),
)


def space(budget_usd: float = 20.0) -> Space:
    """Its allocations."""
    return Space(COSTS, budget_usd)


def law(point: Point) -> float:
    """A power law without noise; distillation is better than annotation at every budget of the tests."""
    if not point.teacher:
        return 1 - (0.2 + 0.35 * (point.labels / 200) ** -0.3)
    size = COSTS.by_name[point.teacher].parameters / 8e8
    steps = point.student_steps / COSTS.full_steps(point.labels, point.teacher, point.u)
    rows = (point.u + (point.labels if point.labels > 200 else 0)) * steps**0.5
    return 1 - (
        0.1 + 0.2 * size**-0.15 * (point.labels / 200) ** -0.35 + 0.1 * (rows / 1000) ** -0.3
    )


def some_points(count: int, seed: int) -> list[Point]:
    """Probes and plans, drawn."""
    random = np.random.default_rng(seed)
    all_points = sorted({*space().plans(), *space().probes(20.0)})
    return [all_points[i] for i in random.choice(len(all_points), count, replace=False)]


def measured(
    points: Sequence[Point],
    seed: int,
    noise: float = 0.004,
    truth: Callable[[Point], float] = law,
) -> list[Measured]:
    """Scores of the law with noise; each teacher and number of labels is one artifact, without luck."""
    random = np.random.default_rng(seed)
    return [
        Measured(
            point,
            truth(point) + noise * random.normal(),
            (point.teacher, point.labels) if point.teacher else None,
        )
        for point in points
    ]
