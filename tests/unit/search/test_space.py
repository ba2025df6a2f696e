"""The plans of a study that a search may propose, what they cost, and their cells."""

from dataclasses import asdict, replace

import pytest

from raydoa.costs.plan import Plan
from raydoa.costs.question import Question, Supply
from raydoa.costs.tariffs import micro_budget
from raydoa.errors import UserError
from raydoa.experiment.accounting import Purchases
from raydoa.experiment.cell import cell_from_json
from raydoa.experiment.study import Study
from raydoa.search.setup import cell_of
from raydoa.search.space import Space
from tests.contract.searching import allowed
from tests.unit.world import POOL, TRAIN, World, write_task


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The tiny task with labels and pool in one file, students of several epochs, and two teachers."""
    folder = tmp_path_factory.mktemp("space")
    world = World(folder, write_task(folder / "task"))
    sweep = world.sweep(teachers=("nano-m", "nano-l"))
    assert sweep.pretraining is not None
    recipes = {**sweep.pretraining.recipes, "nano-l": sweep.pretraining.recipes["nano-m"]}
    changes = {
        "distill_recipe": sweep.distill_recipe.model_copy(update={"epochs": 7}),
        "shard_rows": 10,
        "pretraining": sweep.pretraining.model_copy(update={"recipes": recipes}),
    }
    return world.resolved(sweep.model_copy(update=changes)).study


@pytest.fixture(scope="module")
def question(study: Study) -> Question:
    return study.question("tiny", 16, seed=5)


def test_every_plan_of_some_budgets(study: Study, question: Question) -> None:
    """It exists, the budget pays for it to the micro-dollar, and its stages can be built."""
    for budget in (0.5, 4.0, 30.0):
        space = Space(question, budget)
        plans = space.plans()
        assert len(plans) == len(set(plans))
        assert {bool(plan.choices) for plan in plans} == {False, True}
        for plan in plans:
            assert allowed(plan, question) and plan.n == 16 and plan.seed == 5
            cost = study.ledger(plan).cost_micro_usd
            assert cost == space.cost_micro_usd(plan) <= micro_budget(budget)
    assert {space.strategy_of(plan) for plan in plans} == {"annotate", "distill", "mixed"}
    assert all(study.graph(plan).student is not None for plan in plans[::20])


def test_every_probe(question: Question) -> None:
    space = Space(question, 30.0)
    probes = space.probes(30.0)
    assert min(plan.n for plan in probes) == 2
    assert {space.strategy_of(plan) for plan in probes} == {"annotate", "distill"}
    for plan in probes:
        assert allowed(plan, question) and not plan.quantity("labels")
    cheap = space.probes(0.001)
    assert cheap and set(cheap) < set(probes)
    assert all(space.cost_usd(plan) <= 0.001 for plan in cheap)


def test_a_smaller_budget_pays_for_fewer_plans(question: Question) -> None:
    space = Space(question, 30.0)
    assert len(space.plans(4.0)) < len(space.plans())
    assert space.plans(4.0) == Space(question, 4.0).plans()
    assert all(space.cost_usd(plan) <= 4.0 for plan in space.plans(4.0))


def test_pools_end_where_shards_do(question: Question) -> None:
    """So that a larger pool pays only for the rows that a smaller one has not."""
    space = Space(question, 30.0)
    assert {plan.quantity("pseudo_labels") % 10 for plan in space.plans()} == {0}
    assert space.ladders.pools == [10, 20, 40, 80, 90]


def test_the_cell_of_a_proposal(question: Question) -> None:
    """It has the budget that was asked with, and a name that no other plan has."""
    space = Space(question, 30.0)
    proposals = [plan.repeated(repeat) for plan in space.points() for repeat in (0, 1)]
    cells = [cell_of(plan, space) for plan in proposals]
    assert {cell.budget for cell in cells} == {30.0}
    names = {cell.name for cell in cells}
    assert len(names) == len(proposals)
    assert max(map(len, names)) < 200, "they name folders"
    for plan, cell in zip(proposals, cells, strict=True):
        assert (cell.n, cell.seed, cell.repeat) == (plan.n, 5, plan.repeat)
        assert (cell.u or 0, cell.teacher) == (
            plan.quantity("pseudo_labels"),
            plan.choice("teacher"),
        )
        assert cell_from_json(asdict(cell)) == cell


def people_question(question: Question, pool: int = 84) -> Question:
    return replace(question, supply=Supply(question.n, pool, sale="pool"))


def test_plans_that_await_labels_are_recommended_and_not_measured(question: Question) -> None:
    """What can be measured is what there would be if no label were for sale."""
    space = Space(people_question(question), 30.0)
    awaiting = [plan for plan in space.plans() if space.awaited_labels(plan)]
    assert {space.strategy_of(plan) for plan in awaiting} == {"annotate", "mixed"}
    assert all(space.awaited_labels(plan) == plan.quantity("labels") for plan in space.plans())
    assert max(plan.quantity("labels") for plan in awaiting) > 40
    points = space.points()
    assert points and not any(plan.quantity("labels") for plan in points)
    today = Space(space.measurable_question, 30.0)
    assert set(points) == set(today.points()) and set(space.measurable_plans()) == set(
        today.plans()
    )
    assert min(plan.n for plan in points) == 2, "probes learn from fewer of the owned labels"


def test_of_gold_everything_can_be_measured(question: Question) -> None:
    space = Space(question, 30.0)
    assert space.measurable_question.supply == question.supply
    assert space.measurable_plans() == space.plans()
    assert not any(map(space.awaited_labels, space.points()))


def test_labels_that_b_pays_for_and_nobody_has(question: Question) -> None:
    """Plans go up to what is there, and it is said that B pays for more."""
    assert Space(question, 30.0).short_of_labels == {}
    ample = Space(question, 60.0)
    assert ample.short_of_labels["annotate"] == (
        "B pays for 119 labels, and 84 are in hand beside the 16 owned"
    )
    assert max(plan.quantity("labels") for plan in ample.plans()) == 84
    people = Space(people_question(question, pool=84), 60.0)
    assert people.short_of_labels["annotate"] == "B pays for 119 labels, and the pool has 84 rows"
    assert max(plan.quantity("labels") for plan in people.plans()) == 84
    for plan in people.plans():
        assert plan.quantity("labels") + plan.quantity("pseudo_labels") <= 84


def test_the_question_of_a_study(study: Study, question: Question) -> None:
    assert question.tariff("labels", ()).unit_price_usd == 0.5
    assert question.teachers == ("nano-m", "nano-l")
    assert question.sizes["nano-m"] < question.sizes["nano-l"] < 1e6, "their own sizes"
    assert (question.supply.labels(0), question.supply.pool(0)) == (TRAIN, TRAIN)
    assert question.supply.pool(10) == TRAIN - 10
    with pytest.raises(UserError, match=r"task: found 'tinny'.*did you mean 'tiny'"):
        study.question("tinny", 16)
    for n in (0, 101):
        with pytest.raises(UserError, match=f"n: found {n}; task tiny has 100 labelled rows"):
            Space(study.question("tiny", n), 1.0)


def test_a_pool_of_its_own(world: World) -> None:
    task = write_task(world.folder / "own", pool="pool.jsonl")
    supply = World(world.folder, task).resolved().study.question("tiny", 16).supply
    assert (supply.labels(POOL), supply.pool(TRAIN)) == (TRAIN, POOL)


def test_rows_that_cannot_be_counted(question: Question) -> None:
    """It is priced all the same, on a ladder that ends."""
    uncounted = replace(question, supply=replace(question.supply, train_rows=None))
    plans = Space(uncounted, 100.0).plans()
    assert max(plan.quantity("labels") for plan in plans) > TRAIN
    assert max(plan.quantity("pseudo_labels") for plan in plans) > TRAIN


def test_a_budget_below_the_cheapest_plan(question: Question) -> None:
    with pytest.raises(UserError, match=r"budget: found \$0.00; the cheapest plan .* costs \$0.0"):
        Space(question, 0.0).plans()


def _plan(question: Question, n: int, u: int, repeat: int = 0) -> Plan:
    probes = Space(question, 30.0).probes(30.0)
    plan = next(p for p in probes if p.n == n and p.quantity("pseudo_labels") == u and p.choices)
    return plan.repeated(repeat)


def test_costs_are_shared_as_the_store_shares(question: Question) -> None:
    """Marginal costs of neighbours: the larger pool of the same teacher pays its own rows and its own student."""
    purchases = Purchases()
    small, large = _plan(question, 16, 20), _plan(question, 16, 40)
    purchases.add(small)
    added = purchases.marginal(large)
    assert added["teacher"] == 0
    assert added["pseudo_labels"] == 20
    assert added["student"] == large.quantity("student")
    row, step = (question.tariff(item, large.choices) for item in ("pseudo_labels", "student"))
    cost = purchases.marginal_micro_usd(large, question)
    assert cost == row.micro_usd(20) + step.micro_usd(large.quantity("student"))
    assert purchases.marginal_micro_usd(small, question) == 0
    assert purchases.marginal(small.repeated(1))["teacher"] == small.quantity("teacher")
