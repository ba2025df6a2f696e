"""From task rows to result rows without Ray: what is made, what it costs, and that it is made once."""

import shutil
from pathlib import Path

import pytest

from raydoa.costs.items import ITEMS
from raydoa.costs.plan import Infeasible, Plan
from raydoa.costs.tariffs import MICRO
from raydoa.experiment.accounting import made_for
from raydoa.experiment.cell import Cell
from raydoa.experiment.resolve import resolve
from raydoa.experiment.result_row import columns_of
from raydoa.pipeline.build import build_stage
from raydoa.pipeline.stages import Distill, PseudoLabel
from raydoa.tasks.catalog import task_rows
from raydoa.tasks.data import load_rows
from raydoa.tasks.split import labelled, pool
from tests.unit.conftest import Measured
from tests.unit.world import (
    CLASSES,
    Row,
    World,
    forecast_of,
    graph_of,
    measure_all,
    measured_row,
    write_task,
)

STANDALONE = (
    "cost_labels",
    "cost_teacher",
    "cost_pseudo_labels",
    "cost_student",
    "cost_total",
    "unspent",
)


def standalone(row: Row) -> dict[str, object]:
    """What a row says beside what this run happened to make."""
    return {
        name: value
        for name, value in row.items()
        if name != "cost_incurred" and not name.startswith("measured_")
    }


def test_exactly_the_forecast_stages_are_made(measured: Measured) -> None:
    assert set(measured.resolved.context.store.keys()) == set(measured.expected.stages)
    assert len(measured.rows) == len(measured.expected.cells) == 30


def test_rows_say_what_a_constant_answer_scores(measured: Measured) -> None:
    """Of all cells, paid or not; of 12 test rows, so it is a number of twelfths."""
    [majority] = {row.majority_score for row in measured.rows.values()}
    targets = [
        row.target for row in task_rows(measured.resolved.study.tasks["tiny"].spec, None).test
    ]
    assert majority in {targets.count(name) / len(targets) for name in CLASSES}
    for row in measured.rows.values():
        assert (row.unparsable is not None) == (row.status == "measured")
        assert row.score is None or row.score + row.unparsable <= 1


def test_a_constant_answer_is_scored_on_the_rows_that_models_are(world: World) -> None:
    resolved = world.resolved(world.sweep(test_rows=5))
    majority = resolved.study.tasks["tiny"].majority_score
    assert majority is not None and 5 * majority == round(5 * majority)


def test_rows_are_complete_and_flat(measured: Measured) -> None:
    for cell, row in measured.rows.items():
        assert tuple(row) == tuple(columns_of(ITEMS.names()))
        assert all(isinstance(v, str | int | float | bool | None) for v in row.values())
        assert row.cell == cell.name
        if row.feasible:
            assert row.score is not None and row.score_paper is not None
            assert row.score_low is not None and row.score_high is not None
            assert 0 <= row.score_low <= row.score <= row.score_high <= 1
            assert row.measured_gpu_seconds_student is not None
            assert row.measured_gpu_seconds_student > 0
            assert (row.teacher_score is None) == (row.strategy == "annotate")
            assert row.kgco2e > 0
            assert row.fraction_labels + row.fraction_teacher + row.fraction_pseudo_labels + (
                row.fraction_student
            ) == pytest.approx(row.cost_total / row.budget)
            assert row.basis_student == "scaled"
            assert (row.basis_teacher is None) == (row.strategy == "annotate")


def test_what_cannot_be_paid_is_a_row_with_its_reason(measured: Measured) -> None:
    unpaid = [row for row in measured.rows.values() if not row.feasible]
    assert {row.budget for row in unpaid} == {0.0001}
    for row in unpaid:
        assert row.infeasible_reason is not None and "is missing" in row.infeasible_reason
        assert row.score is None and row.key_student is None
        assert (row.cost_total, row.cost_incurred, row.unspent) == (0.0, 0.0, row.budget)


def test_a_budget_is_a_ceiling_and_the_rest_is_unspent(measured: Measured) -> None:
    for row in measured.rows.values():
        assert row.cost_total <= row.budget
        assert row.cost_total + row.unspent == pytest.approx(row.budget)


def test_incurred_costs_add_up_to_the_forecast(measured: Measured) -> None:
    """Each cell rounds its part up to a micro-dollar."""
    incurred = sum(row.cost_incurred for row in measured.rows.values())
    assert incurred == pytest.approx(
        measured.expected.incurred_usd, abs=len(measured.rows) * 5 / MICRO
    )
    standalone_usd = sum(row.cost_total for row in measured.rows.values())
    assert standalone_usd == pytest.approx(measured.expected.standalone_usd)
    assert incurred < standalone_usd
    assert all(row.cost_incurred <= row.cost_total + 1e-9 for row in measured.rows.values())


def test_a_second_run_makes_nothing_and_gives_the_same_rows(measured: Measured) -> None:
    records = dict(measured.resolved.context.store.records())
    assert measure_all(measured.resolved) == measured.rows
    assert dict(measured.resolved.context.store.records()) == records


def test_standalone_cost_depends_neither_on_order_nor_on_the_store(
    measured: Measured, tmp_path: Path
) -> None:
    other = measured.world.resolved(store=str(tmp_path / "store"))
    cells = [cell for cell in measured.rows if cell.budget == 4.0 and cell.n == 8]
    rows = measure_all(other, cells[::-1])
    for cell in cells:
        assert standalone(rows[cell]) == standalone(measured.rows[cell])
    # The smaller pool came first this time, and paid for all of it.
    first = next(cell for cell in cells[::-1] if cell.strategy == "distill")
    assert first.u == 20
    assert rows[first].cost_incurred == pytest.approx(rows[first].cost_total)


def test_another_sweep_finds_everything_made_and_incurs_nothing(
    measured: Measured, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    shutil.copytree(measured.world.folder / "store", store)
    sweep = measured.world.sweep(name="other", strategies=("distill",), n=(8,), budgets=(1.0,))
    rows = measure_all(resolve(sweep, measured.world.runtime(store=str(store))))
    for cell, row in rows.items():
        assert row.cost_incurred == 0.0
        assert row.cost_total == measured.rows[cell].cost_total > 0


def test_a_larger_pool_shares_the_shards_of_a_smaller_one(measured: Measured) -> None:
    small, large = (_distill(measured, u) for u in (20, 40))
    assert small.shards == large.shards[:1] and len(large.shards) == 2
    row = measured.rows[_cell(measured, "distill", u=20)]
    assert row.cost_pseudo_labels > 0
    assert row.cost_incurred == pytest.approx(row.cost_student, abs=2 / MICRO), "the larger paid"


def test_bought_labels_are_never_pseudo_labelled_in_the_same_cell(measured: Measured) -> None:
    for cell in measured.rows:
        plan = measured.expected.cells[cell]
        if isinstance(plan, Infeasible):
            continue
        student = measured.resolved.study.graph(plan).student
        task_rows = load_rows(measured.resolved.context.store.fetch(student_data(student)))
        gold = {row.id for row in labelled(task_rows, cell.seed, cell.n + plan.quantity("labels"))}
        shards = student.shards if isinstance(student, Distill) else ()
        soft = {row.id for s in shards for row in pool(task_rows, s.seed, s.start, s.stop)}
        assert len(soft) == plan.quantity("pseudo_labels")
        assert not gold & soft


def student_data(student: object) -> str:
    teacher = student.teacher if isinstance(student, Distill) else student
    return teacher.data.key


def test_owned_and_bought_labels_make_one_teacher(measured: Measured) -> None:
    """16 owned labels are the rows of 8 owned and 8 bought ones, so what is trained on them is one artifact."""
    study = measured.resolved.study
    for bought, n in ((8, 8), (0, 16)):
        cell = _cell(measured, "annotate", budget=4.0, n=n)
        plan = study.plan(cell)
        assert isinstance(plan, Plan)
        graph = study.graph(plan.with_quantities(labels=bought, student=2))
        if n == 8:
            first = graph.evaluations[0].key
    assert graph.evaluations[0].key == first


def test_labels_are_incurred_once_however_cells_overlap(measured: Measured) -> None:
    rows = [measured.rows[_cell(measured, "annotate", budget=b, n=8)] for b in (0.0001, 1.0, 4.0)]
    bought = [row.labels for row in rows]
    assert bought == [0, 1, 7]
    assert rows[2].cost_incurred == pytest.approx(rows[2].cost_total - 0.5)
    # Of rows 17 to 23, one was bought at the budget before; rows 9 to 15 are other rows.
    plan = measured.expected.cells[_cell(measured, "annotate", budget=4.0, n=16)]
    assert measured.expected.trials[plan].purchased == {"labels": 6}


def test_a_dropped_artifact_is_not_made_again_for_the_books(
    measured: Measured, tmp_path: Path
) -> None:
    """`raydoa store verify --drop` may take a teacher whose student is done; its cell can still be booked."""
    store = tmp_path / "store"
    shutil.copytree(measured.world.folder / "store", store)
    resolved = measured.world.resolved(store=str(store))
    cell = _cell(measured, "distill", u=20)
    before = measured.rows[cell]
    assert before.key_teacher is not None
    resolved.context.store.drop(before.key_teacher)
    row = measured_row(resolved, cell)
    assert row == {**before, "measured_gpu_seconds_teacher": None}
    assert resolved.context.store.find(before.key_teacher) is None


def test_provenance_names_sweep_and_cell(measured: Measured) -> None:
    cell = _cell(measured, "annotate", budget=4.0, n=16)
    row = measured.rows[cell]
    assert row.key_student is not None
    record = measured.resolved.context.store.find(row.key_student)
    assert record is not None
    assert record.provenance["made_for"] == made_for(measured.resolved.study.sweep_id, row.plan)


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_a_task_of_ones_own_in_each_format(tmp_path: Path, suffix: str) -> None:
    """With a pool of its own, so all of train can be bought: B pays for 92 labels and their training, and not for 93."""
    world = World(tmp_path, write_task(tmp_path / "task", suffix, pool=f"pool{suffix}"))
    sweep = world.sweep(strategies=("annotate", "distill"), n=(8,), u=(20,), budgets=(46.4,))
    resolved = resolve(sweep, world.runtime())
    assert resolved.study.sweep.grid.tasks == ("tiny",)
    rows = measure_all(resolved)
    assert [row.labels for row in rows.values()] == [92, 0]
    assert all(row.score is not None for row in rows.values())
    # Whatever the format, the same rows are the same artifacts.
    assert resolved.study.tasks["tiny"].data.fingerprint.startswith("03eea382c8b1")


def test_rows_that_change_meanwhile_are_refused(world: World) -> None:
    resolved = world.resolved()
    task = resolved.study.tasks["tiny"]
    (world.folder / "task" / "train.jsonl").write_text('{"source": "x", "target": "YES"}\n')
    with pytest.raises(ValueError, match=r"task tiny: its rows changed .*; run it again"):
        build_stage(task.data, resolved.context)
    assert list(resolved.context.store.keys()) == []


def test_the_forecast_is_complete_before_anything_is_made(world: World) -> None:
    expected = forecast_of(world.resolved())
    labels = {stage.label for stage in expected.stages.values()}
    assert {
        "fine_tune nano-m",
        "pseudo_label nano-m",
        "distill nano-s",
        "evaluate nano-m",
    } <= labels
    assert {plan for plan in expected.cells.values() if isinstance(plan, Plan)} == set(
        expected.trials
    )
    for plan in expected.trials:
        assert expected.needs(plan) and expected.needs(plan) <= set(expected.stages)
    assert not (world.folder / "store").exists()


def _cell(
    measured: Measured, strategy: str, *, u: int | None = None, n: int = 8, budget: float = 1.0
) -> Cell:
    [cell] = [
        cell
        for cell in measured.rows
        if (cell.strategy, cell.u, cell.n, cell.budget) == (strategy, u, n, budget)
    ]
    return cell


def _distill(measured: Measured, u: int) -> Distill:
    cell = _cell(measured, "distill", u=u)
    trained = graph_of(measured.resolved, cell).student
    assert isinstance(trained, Distill) and all(isinstance(s, PseudoLabel) for s in trained.shards)
    return trained
