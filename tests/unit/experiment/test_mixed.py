"""The `mixed` strategy from rows to rows: who learns from which labels, and what is shared with its faces."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest

from raydoa.costs.allocation import from_fractions, to_fractions
from raydoa.costs.plan import Plan
from raydoa.experiment.cell import Cell, cell_from_json
from raydoa.experiment.forecast import Forecast
from raydoa.experiment.resolve import Resolved
from raydoa.pipeline.distill_rows import distill_rows
from raydoa.pipeline.opened_models import open_model
from raydoa.pipeline.stages import Distill, training_seed
from raydoa.tasks.data import load_rows
from raydoa.tasks.split import labelled, pool
from raydoa.training.recipe import Mixing
from tests.unit.world import (
    Row,
    World,
    forecast_of,
    graph_of,
    measure_all,
    measured_row,
    write_task,
)


@dataclass(frozen=True)
class Mixed:
    world: World
    resolved: Resolved
    expected: Forecast
    rows: dict[Cell, Row]

    def cell(self, strategy: str, share: float | None = None, budget: float = 4.0) -> Cell:
        [found] = [
            c for c in self.rows if (c.strategy, c.label_share, c.budget) == (strategy, share, budget)
        ]  # fmt: skip
        return found

    def student(self, cell: Cell) -> Distill:
        trained = graph_of(self.resolved, cell).student
        assert isinstance(trained, Distill)
        return trained


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    """Labels at $0.50, of $4: none, half of the money, all of it."""
    folder = tmp_path_factory.mktemp("mixed")
    world = World(folder, write_task(folder / "task"))
    sweep = world.sweep(
        strategies=("annotate", "distill", "mixed"), budgets=(0.0001, 4.0), n=(8,), u=(40,),
        label_shares=(0.0, 0.5, 1.0),
    )  # fmt: skip
    resolved = world.resolved(sweep)
    return Mixed(world, resolved, forecast_of(resolved), measure_all(resolved))


def test_bought_labels_teach_the_teacher_and_the_student(mixed: Mixed) -> None:
    cell = mixed.cell("mixed", 0.5)
    row, student = mixed.rows[cell], mixed.student(cell)
    assert (row.labels, row.pseudo_labels, row.strategy) == (4, 40, "mixed")
    assert row.cost_labels == 2.0 and row.cost_total <= 4.0
    assert (row.teacher_steps, row.student_steps) == (2, 7)
    assert row.score is not None and row.teacher_score is not None
    assert student.teacher.labels == student.labels == 12
    assert row.fraction_labels == 0.5
    model = open_model(student.initial, mixed.resolved.context)
    first, then = distill_rows(student, mixed.resolved.context, model)
    assert [e.soft is None for e in first] == [False] * 40 + [True] * 12 and then == []


def test_bought_labels_are_never_pseudo_labelled_in_the_same_cell(mixed: Mixed) -> None:
    for share in (0.0, 0.5):
        cell = mixed.cell("mixed", share)
        student = mixed.student(cell)
        rows = load_rows(mixed.resolved.context.store.fetch(student.teacher.data.key))
        gold = labelled(rows, cell.seed, cell.n + mixed.rows[cell].labels)
        soft = [row for s in student.shards for row in pool(rows, s.seed, s.start, s.stop)]
        assert len(soft) == 40 and all(row.target is None for row in soft)
        assert not {row.id for row in gold} & {row.id for row in soft}


def test_no_bought_labels_are_distillation(mixed: Mixed) -> None:
    none, distilled = (mixed.rows[mixed.cell(*c)] for c in (("mixed", 0.0), ("distill",)))
    keys = [name for name in none if name.startswith("key_")]
    assert [none[key] for key in keys] == [distilled[key] for key in keys]
    assert none.plan == distilled.plan, "one plan, and one trial"
    assert mixed.student(mixed.cell("mixed", 0.0)).labels == 0


def test_what_a_share_leaves_too_little_for_says_so(mixed: Mixed) -> None:
    all_of_it = mixed.rows[mixed.cell("mixed", 1.0)]
    assert not all_of_it.feasible and all_of_it.score is None
    reason = str(all_of_it.infeasible_reason)
    assert reason.startswith("the least it takes is the labels $4.0")
    assert " + the teacher's fine-tuning $0." in reason and reason.endswith("is missing")
    assert not mixed.rows[mixed.cell("mixed", 0.5, budget=0.0001)].feasible


def test_the_forecast_is_made_and_paid(mixed: Mixed) -> None:
    assert set(mixed.expected.stages) <= set(mixed.resolved.context.store.keys())
    incurred = sum(row.cost_incurred for row in mixed.rows.values())
    assert incurred == pytest.approx(mixed.expected.incurred_usd, abs=1e-4)
    # Annotation was first, and bought what the mixed cell buys.
    plan = mixed.expected.cells[mixed.cell("mixed", 0.5)]
    assert mixed.expected.trials[plan].purchased == {"labels": 0}


def test_fractions_reach_the_same_artifacts(mixed: Mixed) -> None:
    """What a sampler sees of a plan is a way back to it, and so to what was made for it."""
    study = mixed.resolved.study
    for strategy, share in (("mixed", 0.5), ("distill", None), ("annotate", None)):
        cell = mixed.cell(strategy, share)
        assert cell_from_json(json.loads(json.dumps(asdict(cell)))) == cell
        plan, question = study.plan(cell), study.question(cell.task, cell.n, seed=cell.seed)
        assert isinstance(plan, Plan)
        fractions = to_fractions(plan, question, cell.budget)
        again = from_fractions(fractions, dict(plan.choices), question, cell.budget)
        assert again == plan
        assert study.graph(again).evaluations[0].key == mixed.rows[cell].key_evaluation


def test_fractions_leave_a_pool_row_beside_all_labels(mixed: Mixed) -> None:
    """All that is not a label may be pseudo-labelled, down to the last row."""
    question = mixed.resolved.study.question("tiny", 8)
    all_labels = from_fractions({"labels": 1.0}, {"teacher": "nano-m"}, question, 400.0)
    assert isinstance(all_labels, Plan)
    assert all_labels.quantity("labels") == 91 and all_labels.quantity("pseudo_labels") == 1
    some = {"labels": 20 / 91, "pseudo_labels": 1.0}
    fewer = from_fractions(some, {"teacher": "nano-m"}, question, 400.0)
    assert isinstance(fewer, Plan)
    assert fewer.quantity("labels") == 20 and fewer.quantity("pseudo_labels") == 72


def test_a_repeat_is_another_training_on_the_same_rows(mixed: Mixed) -> None:
    cell = mixed.cell("mixed", 0.5)
    first, second = (mixed.student(replace(cell, repeat=repeat)) for repeat in (0, 1))
    assert first.key != second.key and first.teacher.key != second.teacher.key
    assert replace(second.teacher, repeat=0) == first.teacher
    assert training_seed(first) == cell.seed != training_seed(second)
    assert training_seed(second.teacher) == training_seed(second)
    assert first.teacher.seed == second.teacher.seed, "the rows"
    row = measured_row(mixed.resolved, replace(cell, repeat=1))
    assert row.repeat == 1 and row.cell == f"{cell.name}-repeat1"
    assert row.cost_total == mixed.rows[cell].cost_total
    assert row.key_student == second.key


def test_stages_made_before_there_were_repeats_keep_their_keys(mixed: Mixed) -> None:
    student = mixed.student(mixed.cell("distill"))
    added = {"repeat", "labels", "data", "mixing"}
    identity = student.identity()
    assert not added & (set(identity["config"]) | set(identity["inputs"]))
    assert "repeat" not in student.teacher.identity()["config"]


@pytest.mark.parametrize("order", ["gold_first", "gold_last"])
def test_the_order_and_weight_of_gold_are_part_of_the_students_key_alone(
    mixed: Mixed, order: str, tmp_path: Path
) -> None:
    sweep = mixed.resolved.study.sweep
    mixing = Mixing.model_validate({"gold_order": order, "gold_weight": 2.0})
    study = replace(mixed.resolved.study, sweep=sweep.model_copy(update={"mixing": mixing}))
    resolved = replace(mixed.resolved, study=study)
    cell = mixed.cell("mixed", 0.5)
    before, after = mixed.student(cell), replace(mixed, resolved=resolved).student(cell)
    assert before.key != after.key and before.shards == after.shards
    model = open_model(after.initial, resolved.context)
    first, then = distill_rows(after, resolved.context, model)
    assert [len(first), len(then)] == ([12, 40] if order == "gold_first" else [40, 12])
    row = measured_row(resolved, cell)
    assert row.key_student == after.key
    distilled = mixed.cell("distill")
    assert replace(mixed, resolved=resolved).student(distilled).key == mixed.student(distilled).key


def test_names_are_unique_and_tell_what_is_asked() -> None:
    cell = Cell("t", "mixed", 50.0, 100, 1000, "org/large", "s", 0, 0.25)
    assert cell.name == "t-mixed-B50-N100-U1000-org_large-L0.25-seed0"
    other = replace(cell, label_share=None, u=None, choices=(("prompt", "v2"),), repeat=2)
    assert other.name == "t-mixed-B50-N100-org_large-promptv2-seed0-repeat2"
