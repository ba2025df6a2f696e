"""A student that is interrupted goes on where it was, and its folder is gone when it is done."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from raydoa.experiment.resolve import resolve
from raydoa.pipeline.build import build_stage
from raydoa.pipeline.stages import Distill
from raydoa.training.engine import PlainEngine
from raydoa.training.recipe import Execution
from tests.unit.world import World, builder_of, forecast_of


class _PowerCutError(BaseException):
    pass


def test_a_student_goes_on_from_its_checkpoint(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved = resolve(
        world.sweep(strategies=("distill",), n=(8,), u=(40,), budgets=(1.0,)), world.runtime()
    )
    plan = next(iter(forecast_of(resolved).trials))
    student = resolved.study.graph(plan).student
    assert isinstance(student, Distill) and student.steps > 4
    store = resolved.context.store
    whole = builder_of(resolved, plan).build(student)
    weights = load_file(store.fetch(student.key) / "model.safetensors")
    store.drop(student.key)

    context = replace(
        resolved.context,
        execution=Execution(checkpoint_every_steps=2),
        train_folder=str(tmp_path / "train"),
    )
    step = PlainEngine.step
    taken: list[None] = []

    def cut(self: PlainEngine, *arguments: Any) -> None:
        if len(taken) == 3:
            raise _PowerCutError
        step(self, *arguments)
        taken.append(None)

    with monkeypatch.context() as patch:
        patch.setattr(PlainEngine, "step", cut)
        with pytest.raises(_PowerCutError):
            build_stage(student, context)
    [place] = (tmp_path / "train").glob("distill-*")
    assert [path.name for path in place.iterdir()] == ["steps-2"]

    record = build_stage(student, context)
    assert record.facts["first_step"] == 2
    before = record.facts["seconds_before"]
    assert isinstance(before, float) and 0 < before < record.provenance["seconds"]
    assert record.facts["losses"] == pytest.approx(whole.facts["losses"][2:])
    again = load_file(store.fetch(student.key) / "model.safetensors")
    assert all(torch.equal(again[name], tensor) for name, tensor in weights.items())
    assert not place.exists()
