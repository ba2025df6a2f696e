"""A calibration measures what plans are made of, and plans then use it."""

from pathlib import Path
from typing import Any

import pytest

from raydoa.costs.unit_costs import read_calibration, write_calibration
from raydoa.experiment.calibrate import calibrate
from raydoa.experiment.placement import Placer
from raydoa.experiment.resolve import Resolved
from raydoa.training.aligned import AlignedTeacher
from raydoa.training.recipe import Execution, Representation
from tests.unit.checkpoints import write_checkpoint
from tests.unit.world import World, forecast_of

PLENTY = 2**60


@pytest.fixture
def priced(world: World) -> Resolved:
    """Two checkpoints of one's own, at prices that are not scaled."""
    write_checkpoint(world.folder / "one")
    write_checkpoint(world.folder / "two", d_model=20)
    return _resolved(world)


def _placer(resolved: Resolved, world: World) -> Placer:
    runtime = world.runtime(micro_batch_size=2, activation_checkpointing=True)
    return Placer.of(resolved.study, runtime)


def _resolved(
    world: World, representation: Representation | None = None, **running: str
) -> Resolved:
    sweep = world.sweep(
        student="one", teachers=("two",), prices="2026-11-09", pretraining=None,
        representation=representation or Representation(),
    )  # fmt: skip
    longer = sweep.teacher_recipe.model_copy(update={"epochs": 7})
    sweep = sweep.model_copy(update={"teacher_recipe": longer})
    models = {name: str(world.folder / name) for name in ("one", "two")}
    return world.resolved(sweep, models=models, **running)


def test_every_unit_of_work_is_measured_and_then_planned_with(
    priced: Resolved, tmp_path: Path, world: World
) -> None:
    study = priced.study
    wanted = {(work.operation, work.model, work.teacher) for work in study.works()}
    assert wanted == {
        ("train_step", "one", None),
        ("train_step", "two", None),
        ("label_sequence", "one", None),
        ("label_sequence", "two", None),
        ("distill_step", "one", "one"),
        ("distill_step", "one", "two"),
    }
    found = calibrate(study, Execution(), _placer(priced, world), PLENTY)
    assert {(row.operation, row.model, row.teacher) for row in found.unit_costs} == wanted
    assert found.too_large == ()
    of_teachers = {row.model for row in found.unit_costs if "micro-batches of 2" in row.source}
    assert of_teachers == {"two"}, "their steps are cut in another way, and say so"
    path = tmp_path / "unit_costs.json"
    write_calibration(found.unit_costs, path)
    assert read_calibration(path) == found.unit_costs

    again = _resolved(world, unit_costs=str(path))
    bases = {
        (line.item, line.tariff.basis)
        for plan in forecast_of(again).trials
        for line in again.study.ledger(plan).lines
    }
    measured = {(item, "measured") for item in ("teacher", "pseudo_labels", "student")}
    assert bases == {*measured, ("labels", None)}
    assert again.study.sweep_id != study.sweep_id


def test_a_step_on_aligned_labels_multiplies_with_the_teachers_head(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(world.folder / "one")
    write_checkpoint(world.folder / "two", vocabulary_size=128)
    resolved = _resolved(world, representation=Representation(kind="aligned"))
    heads = []
    counted = AlignedTeacher.compare

    def compare(self: AlignedTeacher, *arguments: Any) -> Any:
        heads.append(self._over_shared._head.shape)
        return counted(self, *arguments)

    monkeypatch.setattr(AlignedTeacher, "compare", compare)
    found = calibrate(resolved.study, Execution(), _placer(resolved, world), PLENTY)
    assert ("distill_step", "two") in {(row.operation, row.teacher) for row in found.unit_costs}
    assert {tuple(shape) for shape in heads} == {(96, 16)}, "of as many tokens as the smaller has"


def test_what_does_not_fit_stays_estimated(priced: Resolved, world: World) -> None:
    parameters = priced.study.unit_costs.shape("one").parameters
    found = calibrate(priced.study, Execution(), _placer(priced, world), 3 * parameters)
    assert {row.operation for row in found.unit_costs} == {"label_sequence"}
    assert {work.operation for work in found.too_large} == {"train_step", "distill_step"}
