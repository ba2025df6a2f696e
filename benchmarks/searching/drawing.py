"""Tasks drawn at random: prices, budget, surface and noise, all from one seed.

Development seeds and held-out seeds are disjoint. Families take turns, and so do the kinds of task that a practitioner
may meet: annotation is best, distillation is, a mixture is, or the largest teacher is out of reach. Tasks are drawn
until the kind is met, and again where most plans are as good as the best: such a task asks nothing.

Scores depend on labels in units of the N that are owned, so that something is at stake around N in every task; or, in
tasks that are drawn `absolute`, on their number, and N says nothing of how hard a task is.
"""

import math
from collections.abc import Callable
from random import Random
from typing import Any

from raydoa.costs.question import Question, Supply
from raydoa.search.space import Space

from .families import POOL, Annotate, Bottleneck, Crossover, Onset, Power, SharpOnset, Wobble
from .prices import TabulatedPrices, TeacherPrices, Training, question_at, recipes_of
from .problems import Noise, Problem, plans_of, within

HELD_OUT = 10_000
"""The first seed of tasks that nothing is developed on."""

TEACHERS = (("t5-base", 0.25e9), ("t5-large", 0.78e9), ("t5-xl", 2.85e9), ("t5-xxl", 11e9))
STUDENT = 60e6
KINDS = ("distill", "annotate", "mixed", "out of reach")
FAMILIES = ("power", "onset", "bottleneck", "wobble", "sharp onset", "crossover")
OUTSIDE = FAMILIES[2:]
"""Families that are not among the method's own laws."""

_SHARD_ROWS = 100
_TRIES = 400
_MOST_ALIKE = 0.4
_FEWEST = 1 / 8
"""The share of N that the smallest probe learns from."""
_REFERENCE = 500
"""Labels at which the parts of tasks hold that are drawn in absolute numbers."""


def tasks(count: int, first_seed: int, *, absolute: bool = False) -> list[Problem]:
    """So many drawn tasks."""
    return [draw(seed, absolute=absolute) for seed in range(first_seed, first_seed + count)]


def draw(seed: int, *, absolute: bool = False) -> Problem:
    """The task of a seed, whose scores depend on labels in units of N or on their absolute number."""
    family = FAMILIES[seed % len(FAMILIES)]
    kind = KINDS[(seed // len(FAMILIES) + seed) % len(KINDS)]
    random = Random(f"absolute task {seed}" if absolute else f"task {seed}")
    name = f"{family} {seed} absolute" if absolute else f"{family} {seed}"
    problem = _any(name, family, random, absolute)
    for _ in range(_TRIES):
        if _is(problem, kind):
            return problem
        problem = _any(name, family, random, absolute)
    return problem


def _is(problem: Problem, kind: str) -> bool:
    if within(problem, plans_of(problem.space), 0.01) > _MOST_ALIKE:
        return False
    question, budget = problem.space.question, problem.space.budget_usd
    step = question.tariff("teacher", (("teacher", question.teachers[-1]),)).unit_price_usd
    schedule = question.recipes.teacher
    fine_tuning = step * schedule.epochs * question.n / schedule.batch_size
    reach = fine_tuning <= budget
    if kind == "out of reach":
        return not reach
    return reach and problem.winner == kind


def _any(name: str, family: str, random: Random, absolute: bool) -> Problem:
    space = _space(name, random)
    shared = _shared(space.question, random, _REFERENCE if absolute else space.question.n)
    if family in OUTSIDE:
        shared["chance"] = random.choice([0.02, 0.2, 0.5])
    surface = _SURFACES[family](shared, random, space, absolute)
    noise = Noise(
        teacher=_log_uniform(random, 0.002, 0.012),
        student=_log_uniform(random, 0.002, 0.012),
        outliers=random.choice([0.0, 0.02, 0.05]),
    )
    return Problem(name, family, space, surface, noise)


def _space(task: str, random: Random) -> Space:
    """Prices: compute is drawn by what the largest teacher's fine-tuning on N labels takes of B.

    Teachers differ by their floating-point operations, with somewhat better utilisation for the larger ones: a training
    step is worth three passes of its rows, and generation is one to four times less efficient than a pass.
    """
    owned = round(_log_uniform(random, 50, 5000))
    label = _log_uniform(random, 0.05, 1.0)
    budget = label * _log_uniform(random, 30, 3000)
    batch = 32
    teacher, student = Training(batch, 20), Training(batch, 50)
    steps = teacher.epochs * math.ceil(owned / batch)
    largest_step = budget * _log_uniform(random, 0.03, 3.0) / steps
    generation = _log_uniform(random, 1, 4)
    student_step = _step(largest_step, STUDENT) * _log_uniform(random, 0.3, 2)
    on_soft = student_step * random.uniform(1.1, 1.6)
    teachers = tuple(
        TeacherPrices(
            name,
            size,
            step_usd=_step(largest_step, size),
            row_usd=_step(largest_step, size) / batch / 3 * generation,
            student_step_usd=on_soft,
        )
        for name, size in TEACHERS
    )
    pool = random.choice([10_000, 30_000, 100_000])
    labels = owned + random.choice([1_000, 10_000])
    prices = TabulatedPrices(label, student_step, teachers)
    recipes = recipes_of(teacher, student, student)
    question = question_at(prices, task, owned, recipes, Supply(labels, pool), _SHARD_ROWS)
    return Space(question, budget)


def _step(largest: float, size: float) -> float:
    return largest * (size / TEACHERS[-1][1]) ** 0.85


def _shared(question: Question, random: Random, reference: float) -> dict[str, Any]:
    """Parameters of any surface, with parts at so many labels; exponents of 0 are allowed.

    Parts are kept so small that the cheapest probes (an eighth of the labels, the smallest teacher, a pool of 100) are
    still above nothing: a law that has run into its bound is no law any more. Some families add a chance level, see
    `_any`.
    """
    floor = random.uniform(0.03, 0.25)
    part = random.uniform(0.1, 0.4)
    alone, exponent = _exponent(random, 0.1, 0.6), _exponent(random, 0.05, 0.5)
    size_exponent, pool_exponent = _exponent(random, 0.03, 0.25), random.uniform(0.1, 0.6)
    with_teacher = part * random.uniform(0.15, 0.8)
    smallest = TEACHERS[0][1] / TEACHERS[-1][1]
    fewest = min(1.0, _FEWEST * question.n / reference)
    return {
        "question": question,
        "reference": reference,
        "annotate": Annotate(
            floor + random.uniform(0, 0.05), min(part, 0.7 * fewest**alone), alone
        ),
        "floor": floor,
        "part": min(with_teacher, 0.5 * fewest**exponent * smallest**size_exponent),
        "size_exponent": size_exponent,
        "exponent": exponent,
        "pool_part": min(random.uniform(0.01, 0.12), 0.4 * (100 / POOL) ** pool_exponent),
        "pool_exponent": pool_exponent,
        "epochs_exponent": random.uniform(0.2, 0.8),
        "gold_weight": random.uniform(1, 3),
        "chance": 0.02,
    }


def _exponent(random: Random, low: float, high: float) -> float:
    return 0.0 if random.random() < 0.1 else random.uniform(low, high)


def _log_uniform(random: Random, low: float, high: float) -> float:
    return math.exp(random.uniform(math.log(low), math.log(high)))


def _onset_at(random: Random, space: Space, absolute: bool) -> float:
    """Where the onset is, in units of the reference.

    Between N/5 and all labels that B would buy, with some to spare; in absolute numbers anywhere from 30 to 10,000.
    """
    if absolute:
        return _log_uniform(random, 30, 10_000) / _REFERENCE
    owned, label = space.question.n, space.question.tariff("labels", ()).unit_price_usd
    most = 1.3 * (owned + space.budget_usd / label) / owned
    return _log_uniform(random, 0.2, max(0.4, most))


_Draw = Callable[[dict, Random, Space, bool], Power]
_SURFACES: dict[str, _Draw] = {
    "power": lambda shared, random, space, absolute: Power(**shared),
    "onset": lambda shared, random, space, absolute: Onset(
        **{**shared, "part": random.uniform(0.25, 0.6), "size_exponent": random.uniform(0, 0.12)},
        onset=_onset_at(random, space, absolute),
        steepness=random.uniform(1.0, 5.0),
    ),
    "bottleneck": lambda shared, random, space, absolute: Bottleneck(
        **shared, norm=random.uniform(2, 6)
    ),
    "wobble": lambda shared, random, space, absolute: Wobble(
        **shared,
        height=random.uniform(0.004, 0.015),
        frequency=random.uniform(1.5, 5),
        phases=(random.uniform(0, 6.28), random.uniform(0, 6.28)),
    ),
    "sharp onset": lambda shared, random, space, absolute: SharpOnset(
        **shared, onset=_onset_at(random, space, absolute), width=random.uniform(0.03, 0.15)
    ),
    "crossover": lambda shared, random, space, absolute: Crossover(
        **shared, crossing=_log_uniform(random, 0.3, 4)
    ),
}
