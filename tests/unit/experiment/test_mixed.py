"""The `mixed` strategy from rows to rows: who learns from which labels, and what is shared with its faces."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest

from raydoa.costs.allocation import Allocation
from raydoa.experiment.cell import Cell, cell_from
from raydoa.experiment.forecast import Forecast
from raydoa.experiment.resolve import Resolved
from raydoa.experiment.result_row import ResultRow
from raydoa.experiment.trial import chain, measure
from raydoa.pipeline.context import distill_examples, open_model
from raydoa.pipeline.stages import Distill, FineTune, training_seed
from raydoa.tasks.data import load_rows
from raydoa.tasks.split import labelled, pool
from raydoa.training.recipe import Mixing
from tests.unit.world import World, builder_of, forecast_of, measure_all, write_task


@dataclass(frozen=True)
class Mixed:
    world: World
    resolved: Resolved
    expected: Forecast
    rows: dict[Cell, ResultRow]

    def cell(self, strategy: str, share: float | None = None, budget: float = 4.0) -> Cell:
        [found] = [
            c for c in self.rows if (c.strategy, c.label_share, c.budget) == (strategy, share, budget)
        ]  # fmt: skip
        return found

    def student(self, cell: Cell) -> Distill:
        study = self.resolved.study
        trained = chain(cell, study.plan(cell), study).student.trained
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
    model, tokenizer = open_model(student.initial, mixed.resolved.context)
    first, then = distill_examples(
        student, mixed.resolved.context, tokenizer, model.config.vocab_size
    )
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
    keys = [name for name in asdict(none) if name.startswith("key_")]
    assert [getattr(none, key) for key in keys] == [getattr(distilled, key) for key in keys]
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
    assert mixed.expected.labels_incurred[mixed.cell("mixed", 0.5)] == 0


def test_an_allocation_reaches_the_same_artifacts(mixed: Mixed) -> None:
    study = mixed.resolved.study
    for strategy, share in (("mixed", 0.5), ("distill", None), ("annotate", None)):
        given = mixed.cell(strategy, share)
        shares = Allocation.of(study.plan(given).ledger, given.budget)
        cell = replace(given, strategy="mixed", label_share=None, allocation=shares)
        assert cell_from(json.loads(json.dumps(asdict(cell)))) == cell
        row = measure(cell, 0, study, builder_of(mixed.resolved, cell))
        assert row.key_evaluation == mixed.rows[given].key_evaluation
        assert row.cost_total == mixed.rows[given].cost_total


def test_an_allocation_alone_says_how_much_of_the_pool(mixed: Mixed) -> None:
    """Without U, all that is not a label may be pseudo-labelled, down to the last row."""
    rich = Cell("tiny", "mixed", 400.0, 8, None, "nano-m", "nano-s", 0,
                allocation=Allocation(0.25, 0.25, 0.25, 0.25))  # fmt: skip
    assert mixed.resolved.study.plan(rich).quantities.labels == 91
    assert mixed.resolved.study.plan(rich).quantities.pseudo_labels == 1
    fewer = replace(rich, budget=40.0)
    assert mixed.resolved.study.plan(fewer).quantities.labels == 20
    assert mixed.resolved.study.plan(fewer).quantities.pseudo_labels == 72


def test_a_repeat_is_another_training_on_the_same_rows(mixed: Mixed) -> None:
    cell = mixed.cell("mixed", 0.5)
    first, second = (mixed.student(replace(cell, repeat=repeat)) for repeat in (0, 1))
    assert first.key != second.key and first.teacher.key != second.teacher.key
    assert replace(second.teacher, repeat=0) == first.teacher
    assert training_seed(first) == cell.seed != training_seed(second)
    assert training_seed(second.teacher) == training_seed(second)
    assert first.teacher.seed == second.teacher.seed, "the rows"
    row = measure(
        replace(cell, repeat=1), 0, mixed.resolved.study,
        builder_of(mixed.resolved, replace(cell, repeat=1)),
    )  # fmt: skip
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
    model, tokenizer = open_model(after.initial, resolved.context)
    first, then = distill_examples(after, resolved.context, tokenizer, model.config.vocab_size)
    assert [len(first), len(then)] == ([12, 40] if order == "gold_first" else [40, 12])
    row = measure(cell, 0, study, builder_of(resolved, cell))
    assert row.key_student == after.key
    distilled = mixed.cell("distill")
    assert replace(mixed, resolved=resolved).student(distilled).key == mixed.student(distilled).key


def test_names_are_unique_and_tell_what_is_asked() -> None:
    cell = Cell("t", "mixed", 50.0, 100, 1000, "org/large", "s", 0, 0.25)
    assert cell.name == "t-mixed-B50-N100-U1000-org_large-L0.25-seed0"
    shares = Allocation(0.25, 0.5, 0.125, 0.125)
    other = replace(cell, label_share=None, u=None, allocation=shares, repeat=2)
    assert other.name == "t-mixed-B50-N100-org_large-A0.25_0.5_0.125_0.125-seed0-repeat2"


def test_a_face_without_a_teacher_is_a_fine_tuning(mixed: Mixed) -> None:
    cell = Cell("tiny", "mixed", 4.0, 8, None, None, "nano-s", 0,
                allocation=Allocation(0.75, 0, 0, 0.25))  # fmt: skip
    study = mixed.resolved.study
    ends = chain(cell, study.plan(cell), study)
    assert isinstance(ends.student.trained, FineTune) and ends.teacher is None
    assert ends.student.trained.labels == 8 + 6
