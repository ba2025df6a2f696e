"""A candidate's cell buys exactly the candidate, for what the search expects it to cost."""

from dataclasses import asdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from raydoa.costs.ledger import MICRO
from raydoa.errors import UserError
from raydoa.experiment.cell import cell_from
from raydoa.experiment.resolve import Resolved
from raydoa.experiment.study import Study
from raydoa.search.cells import Cells, candidate_of, measurements, score_of
from raydoa.search.costs import Costs, Point
from raydoa.search.holdings import Candidate, Holdings
from raydoa.search.pricing import costs_of, space_of
from raydoa.search.space import Space
from tests.unit.conftest import Measured
from tests.unit.world import POOL, TRAIN, World, write_task


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The tiny task with labels and pool in one file, students of several epochs, and two teachers."""
    folder = tmp_path_factory.mktemp("cells")
    world = World(folder, write_task(folder / "task"))
    sweep = world.sweep(teachers=("nano-m", "nano-l"))
    assert sweep.pretraining is not None
    recipes = {**sweep.pretraining.recipes, "nano-l": sweep.pretraining.recipes["nano-m"]}
    changes = {
        "distill_recipe": sweep.distill_recipe.model_copy(update={"epochs": 7}),
        "shard_rows": 10,
        "pretraining": sweep.pretraining.model_copy(update={"recipes": recipes}),
    }
    resolved: Resolved = world.resolved(sweep.model_copy(update=changes))
    return resolved.study


def _checked(study: Study, costs: Costs, candidate: Candidate) -> None:
    cell = Cells(study, "tiny", costs.owned, seed=5).of(candidate)
    plan, point = study.plan(cell), candidate.point
    assert plan.feasible, plan.infeasible_reason
    assert plan.unspent_usd == 0
    bought = plan.quantities
    found = Point(
        cell.n + bought.labels, cell.teacher or "", bought.pseudo_labels, bought.student_steps
    )
    assert found == point
    items = costs.items(point)
    expected = {
        "labels": items.labels,
        "teacher": items.teacher,
        "pseudo_labels": items.pseudo_labels,
        "student": items.student,
    }
    for item in plan.ledger.items:
        assert 0 <= item.cost_usd - expected.pop(item.stage) <= 1.001 / MICRO
    assert not any(expected.values())
    assert (cell.seed, cell.repeat) == (5, candidate.repeat)
    assert cell_from(asdict(cell)) == cell


def test_every_plan_of_some_budgets(study: Study) -> None:
    for budget in (0.5, 4.0, 30.0):
        space = space_of(study, "tiny", 16, budget)
        points = space.plans()
        assert {bool(p.teacher) for p in points} == {False, True}
        for point in points:
            _checked(study, space.costs, Candidate(point))
    strategies = {Cells(study, "tiny", 16).of(Candidate(p)).strategy for p in points}
    assert strategies == {"annotate", "distill", "mixed"}


def test_every_probe(study: Study) -> None:
    space = space_of(study, "tiny", 16, 30.0)
    probes = space.probes(30.0)
    assert min(point.labels for point in probes) == 2
    for repeat, point in enumerate(probes):
        _checked(study, space.costs, Candidate(point, repeat))


def test_any_allowed_point(study: Study) -> None:
    costs = costs_of(study, "tiny", 16)

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.integers(1, 99),
        st.sampled_from(["", "nano-m", "nano-l"]),
        st.integers(1, 99),
        st.floats(0, 1),
    )
    def holds(labels: int, teacher: str, u: int, share: float) -> None:
        full = costs.full_steps(labels, teacher, u)
        least = costs.one_epoch(labels, u) if teacher else full
        point = Point(labels, teacher, u if teacher else 0, round(least + share * (full - least)))
        if costs.allowed(point):
            _checked(study, costs, Candidate(point))

    holds()


def test_pools_end_where_shards_do(study: Study) -> None:
    """So that a larger pool pays only for the rows that a smaller one has not."""
    space = space_of(study, "tiny", 16, 30.0)
    assert {point.u % 10 for point in space.plans()} == {0}
    assert space.pools() == [10, 20, 40, 80, 90]


def test_names_are_unique(study: Study) -> None:
    points = space_of(study, "tiny", 16, 30.0).plans()
    cells = Cells(study, "tiny", 16)
    names = {cells.of(Candidate(point, repeat)).name for point in points for repeat in (0, 1)}
    assert len(names) == 2 * len(points)
    assert max(map(len, names)) < 200, "they name folders"


def test_costs_of_a_study(study: Study) -> None:
    costs = costs_of(study, "tiny", 16)
    assert costs.label_usd == 0.5
    assert [teacher.name for teacher in costs.teachers] == ["nano-m", "nano-l"]
    assert costs.teachers[0].parameters < costs.teachers[1].parameters < 1e6, "their own sizes"
    assert (costs.supply.labels, costs.supply.u, costs.supply.together) == (TRAIN, TRAIN, TRAIN)
    with pytest.raises(UserError, match=r"task: found 'tinny'.*did you mean 'tiny'"):
        costs_of(study, "tinny", 16)
    with pytest.raises(UserError, match="n: found 101; task tiny has 100 labelled rows"):
        costs_of(study, "tiny", 101)


def test_a_pool_of_its_own(world: World) -> None:
    task = write_task(world.folder / "own", pool="pool.jsonl")
    supply = costs_of(World(world.folder, task).resolved().study, "tiny", 16).supply
    assert (supply.labels, supply.u, supply.together) == (TRAIN, POOL, TRAIN + POOL)


def test_a_budget_below_the_cheapest_plan(study: Study) -> None:
    space: Space = space_of(study, "tiny", 16, 0.0)
    with pytest.raises(UserError, match=r"budget: found \$0.00; the cheapest plan .* costs \$0.0"):
        space.plans()


def test_measured_rows_are_observations(measured: Measured) -> None:
    """Each training of a finished sweep once, but for the control that is its own teacher."""
    study = measured.resolved.study
    rows = [row.flat() for row in measured.rows.values()]
    feasible = [row for row in rows if row["feasible"] and row["strategy"] != "self_distill"]
    # Larger budgets that buy the same plan have the same student.
    used = list({row["key_student"]: row for row in reversed(feasible)}.values())[::-1]
    assert len(used) < len(feasible)
    found = measurements(rows, "tiny", "earlier")
    assert len(found) == len(used) > 0
    for row, one in zip(used, found, strict=True):
        candidate = candidate_of(row)
        assert candidate is not None and candidate.point == one.point
        costs = costs_of(study, "tiny", row["n"])
        assert costs.allowed(one.point)
        assert costs.items(one.point).total == pytest.approx(row["cost_total"], abs=4 / MICRO)
        assert (one.teacher is None) == (row["teacher"] is None)
    assert measurements(rows, "other", "earlier") == []


def test_rows_that_say_nothing(measured: Measured) -> None:
    row = next(
        row.flat() for row in measured.rows.values() if row.feasible and row.strategy == "annotate"
    )
    assert score_of({**row, "score": float("nan")}) is None
    assert score_of({**row, "score": None}) is None
    assert candidate_of({**row, "feasible": False}) is None
    as_read = candidate_of({**row, "teacher": float("nan"), "u": float("nan")})
    assert as_read == candidate_of(row), "as pandas reads it"


def test_costs_share_as_the_store_does(study: Study) -> None:
    """Marginal costs of neighbours: the larger pool of the same teacher pays its own rows and its own student."""
    costs = costs_of(study, "tiny", 16)
    holdings = Holdings(costs)
    small, large = (
        Candidate(Point(16, "nano-l", u, costs.full_steps(16, "nano-l", u))) for u in (20, 40)
    )
    holdings.add(small)
    left = holdings.marginal(large)
    prices = costs.by_name["nano-l"]
    assert left.teacher == 0
    assert left.pseudo_labels == pytest.approx(20 * prices.row_usd)
