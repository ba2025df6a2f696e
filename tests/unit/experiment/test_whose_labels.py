"""Labels of a task: gold, people, or asked; what a sweep plans, prices and measures of each."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from raydoa.api.configure import Chosen
from raydoa.api.sweep import priced
from raydoa.costs.plan import Plan
from raydoa.errors import UserError
from raydoa.experiment.configuration import Configuration
from raydoa.experiment.resolve import resolve
from raydoa.experiment.result_row import columns_of, items_in
from raydoa.experiment.whose_labels import check_owned
from raydoa.report.columns import as_cells
from raydoa.simulation.dry_run import dry_run_lines
from tests.unit.world import (
    POOL,
    TRAIN,
    World,
    forecast_of,
    measure_all,
    write_people_task,
    write_task,
)

STRATEGIES = ("annotate", "distill", "mixed")
COUNTED = frozenset({"budgets", "strategies"})
"""What somebody chose; N is the preset's."""


def world_of(folder: Path, **fields: Any) -> World:
    return World(folder, write_people_task(folder / "task", **fields))


def asked(world: World, *, given: frozenset[str] = COUNTED, **axes: Any) -> Chosen:
    grid = {"strategies": STRATEGIES, "budgets": (4.0,), "u": (20,), **axes}
    configuration = Configuration(sweep=world.sweep(**grid), runtime=world.runtime())
    return Chosen(configuration, given, given)


def test_with_people_all_of_train_is_owned(tmp_path: Path) -> None:
    """The preset's N of 8 and 16 give way to 100."""
    expected = priced(asked(world_of(tmp_path)), to_run=True).expected
    assert [(cell.strategy, cell.n) for cell in expected.cells] == [
        (strategy, TRAIN) for strategy in STRATEGIES
    ]
    quantities = {cell.strategy: plan.quantity("labels") for cell, plan in expected.cells.items() if isinstance(plan, Plan)}  # fmt: skip
    # $4 pay for seven labels at $0.50 and the training; half of them for four.
    assert quantities == {"annotate": 7, "distill": 0, "mixed": 4}


def test_an_n_that_somebody_chose_is_refused(tmp_path: Path) -> None:
    world, given = world_of(tmp_path), COUNTED | {"n"}
    with pytest.raises(UserError) as refused:
        priced(asked(world, given=given, n=(8, 16)), to_run=False)
    assert str(refused.value) == (
        "--n: found 8, 16; of task tiny all 100 rows of train are owned (labels: people): leave it out"
    )
    assert priced(asked(world, given=given, n=(TRAIN,)), to_run=False).expected.trials


def test_where_rows_cannot_be_counted_n_is_asked_for(tmp_path: Path) -> None:
    """It is how many rows `train` has, so a preset's would be a guess."""
    world = world_of(tmp_path, train="gone.jsonl")
    study = world.resolved(world.sweep(strategies=STRATEGIES, budgets=(4.0,), u=(20,))).study
    with pytest.raises(UserError, match=r"--n: missing; of task tiny all rows of train are owned \(labels: people\), which"):  # fmt: skip
        check_owned(study, set())
    check_owned(study, {"n"})
    assert {cell.n for cell in study.cells()} == {8, 16}
    labels = {plan.quantity("labels") for cell in study.cells() if isinstance(plan := study.plan(cell), Plan)}  # fmt: skip
    assert labels == {0, 4, 7}


def test_an_n_for_another_task_is_no_mistake(tmp_path: Path) -> None:
    """A sweep of both kinds chooses N for the task whose labels are gold."""
    world = world_of(tmp_path)
    study = world.resolved(world.sweep(strategies=STRATEGIES, budgets=(4.0,), u=(20,))).study
    source = study.tasks["tiny"]
    gold = replace(source, spec=source.spec.model_copy(update={"name": "other", "labels": "gold"}))
    both = replace(study, tasks={**study.tasks, "other": gold})
    check_owned(both, {"n"})
    assert list(source.owned((8, 16))) == [TRAIN] and list(gold.owned((8, 16))) == [8, 16]


def test_an_empty_pool_is_refused(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    (world.task.parent / "pool.jsonl").write_text("")
    with pytest.raises(UserError, match=r"task tiny: pool: .*pool\.jsonl has no rows, and people"):
        world.resolved()


def test_people_without_a_pool(tmp_path: Path) -> None:
    """They label rows of train that have no label; where there are none, there is nothing to label."""
    world = world_of(tmp_path, pool=None)
    with pytest.raises(UserError, match="labels: found 'people' without a pool; people label its rows"):  # fmt: skip
        world.resolved()
    with (world.task.parent / "train.jsonl").open("a") as train:
        train.write('{"source": "nobody has said"}\n{"source": "nor of this"}\n')
    source = world.resolved().study.tasks["tiny"]
    assert (source.train_rows, source.pool_rows, source.unlabelled) == (TRAIN, 2, 0)
    assert source.supply.labels(0) == TRAIN + 2


def test_rows_of_what_awaits_labels(tmp_path: Path) -> None:
    """They have a plan, quantities and costs, no score, and nobody made anything for them."""
    resolved = priced(asked(world_of(tmp_path)), to_run=True).resolved
    expected, rows = forecast_of(resolved), measure_all(resolved)
    assert {cell.strategy for cell in expected.awaiting} == {"annotate", "mixed"}
    assert [plan.quantity("labels") for plan in expected.trials] == [0]
    status = {cell.strategy: row.status for cell, row in rows.items()}
    assert status == {
        "annotate": "awaiting_labels",
        "distill": "measured",
        "mixed": "awaiting_labels",
    }
    for cell, row in rows.items():
        assert list(row) == list(columns_of(items_in(row)))
        plan, ledger = expected.cells[cell], resolved.study.ledger(expected.cells[cell])
        assert row.feasible and row.cost_total == ledger.cost_usd <= 4.0
        assert row.plan == resolved.study.plan_id(plan)
        assert row.unspent == pytest.approx(4.0 - row.cost_total)
        if row.status == "awaiting_labels":
            assert row.infeasible_reason == f"{row.labels} labels must be bought first"
            assert row.score is None and row.key_student is None and row.cost_incurred == 0
        else:
            assert row.infeasible_reason is None and row.score is not None
    as_cells(list(rows.values()), "rows")
    assert expected.standalone_usd == pytest.approx(sum(row.cost_total for row in rows.values()))
    measured = [row for row in rows.values() if row.status == "measured"]
    assert expected.incurred_usd == pytest.approx(sum(row.cost_total for row in measured))


def test_the_dry_run_counts_and_prices_them(tmp_path: Path) -> None:
    sweep = priced(asked(world_of(tmp_path)), to_run=False)
    lines = list(dry_run_lines(sweep.resolved.study, sweep.runtime, sweep.expected))
    assert "3 cells, 3 feasible, 2 of them await labels; 1 different plans" in lines[0]
    said = [line for line in lines if line.startswith("awaiting labels")]
    assert said == [
        "awaiting labels, 1 cell tiny-annotate-B4-N100-seed0: 7 labels must be bought first",
        "awaiting labels, 1 cell tiny-mixed-B4-N100-U20-nano-m-L0.5-seed0: 4 labels must be bought first",
    ]
    [standalone] = [line for line in lines if line.startswith("standalone")]
    assert standalone.endswith(f"; ${sweep.expected.awaiting_usd:,.2f} of it awaits labels)")


def test_what_the_pool_cannot_give_is_said(tmp_path: Path) -> None:
    sweep = priced(asked(world_of(tmp_path), strategies=("annotate",), budgets=(100.0,)), to_run=False)  # fmt: skip
    [awaited] = sweep.expected.awaiting.values()
    assert awaited.plan.quantity("labels") == POOL
    assert awaited.reason == (
        "60 labels must be bought first; B pays for 199 labels, and the pool has 60 rows"
    )


def test_a_sweep_of_nothing_but_awaiting_cells_with_gpus(tmp_path: Path) -> None:
    """There is no schedule to simulate."""
    sweep = priced(asked(world_of(tmp_path), strategies=("annotate",)), to_run=False)
    runtime = sweep.runtime.model_copy(update={"gpus_per_worker": 1})
    assert list(dry_run_lines(sweep.resolved.study, runtime, sweep.expected))
    assert not sweep.expected.trials and sweep.expected.incurred_usd == 0


def test_who_says_neither_is_asked_where_it_matters(tmp_path: Path) -> None:
    world = world_of(tmp_path, labels=None)
    with pytest.raises(UserError) as question:
        priced(asked(world, n=(TRAIN,)), to_run=False)
    assert str(question.value) == (
        "task tiny: labels: missing; B pays for 7 labels, and none are in hand beside the 100 owned (B = $4.00). Write "
        "`labels: people` if people label rows of its pool, 60 without labels: plans that buy some are priced, and measured "
        "once those are there; or `labels: gold` if only labels in hand are for sale: a budget for more is infeasible"
    )
    # What is in hand is enough, or no label is for sale at all.
    assert priced(asked(world, n=(8,)), to_run=False).expected.trials
    assert priced(asked(world, n=(TRAIN,), strategies=("distill",)), to_run=False).expected.trials


def test_gold_needs_no_question(tmp_path: Path) -> None:
    """Neither does a pool whose labels are only hidden, nor one that is the rest of the labelled rows."""
    gold = world_of(tmp_path / "gold", labels="gold")
    hidden = World(tmp_path / "hidden", write_task(tmp_path / "hidden", pool="pool.jsonl"))
    rest = World(tmp_path / "rest", write_task(tmp_path / "rest"))
    for world in (gold, hidden):
        infeasible = priced(asked(world, n=(TRAIN,)), to_run=False).expected.infeasible
        assert [why.reason for why in infeasible.values()] == [
            "B pays for 7 labels, and none are in hand beside the 100 owned (labels: gold)",
            "0.5 of B pays for 4 labels, and none are in hand beside the 100 owned (labels: gold)",
        ]
    [why] = priced(asked(rest, n=(78,), strategies=("mixed",), budgets=(4.0,)), to_run=False).expected.infeasible.values()  # fmt: skip
    assert why.reason.endswith("and 2 are in hand beside the 78 owned and U = 20 (labels: gold)")


def test_the_id_of_a_sweep_tells_people_from_gold(tmp_path: Path) -> None:
    """What a task says nothing of, and gold, have one: the same cells."""
    ids = []
    for labels in (None, "gold", "people"):
        world = world_of(tmp_path, labels=labels)
        ids.append(resolve(world.sweep(n=(8,)), world.runtime()).study.sweep_id)
    assert ids[0] == ids[1] != ids[2]


def test_two_tasks_own_what_each_has(tmp_path: Path) -> None:
    people = world_of(tmp_path / "people")
    gold = write_task(tmp_path / "gold")
    gold.write_text(json.dumps({**json.loads(gold.read_text()), "name": "other"}))
    both = replace(people)
    sweep = both.sweep(tasks=(str(people.task), str(gold)), strategies=("annotate",))
    cells = resolve(sweep, both.runtime()).study.cells()
    assert {(cell.task, cell.n) for cell in cells} == {("tiny", TRAIN), ("other", 8), ("other", 16)}
