"""A LoRA under Ray Train and DeepSpeed: at every ZeRO stage the plain loop's adapter, and a killed group goes on."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from raydoa.experiment.config import RuntimeConfig
from raydoa.models.lora import Lora
from raydoa.models.objective import Objective
from raydoa.on_ray import finetune as module
from raydoa.on_ray.finetune import fine_tune
from raydoa.on_ray.finetune_worker import Job, work
from raydoa.pipeline.build import build_stage
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.stages import FineTune
from raydoa.training.recipe import Execution
from tests.ray.tiny import Tiny, assert_close, fine_tune_through_a_kill, write_tiny
from tests.unit.decoders import SHORT, write_decoder
from tests.unit.encoders import write_encoder

pytestmark = [pytest.mark.timeout(900), pytest.mark.usefixtures("two_cpus")]

MICRO = Execution(micro_batch_size=2, checkpoint_every_steps=1000)
WIDE = {"hidden_size": 128, "intermediate_size": 1024}
"""ZeRO-3 leaves smaller matrices whole."""
KINDS = ("bert", "qwen3", "large")


@dataclass(frozen=True)
class Case:
    """A kind of model under a ZeRO stage."""

    kind: str
    zero: int

    def stage(self, tiny: Tiny, steps: int = 12) -> FineTune:
        stage = tiny.fine_tuning(self.kind, steps=steps)
        objective = Objective("classes", tiny.spec.classes) if self.kind == "bert" else None
        return replace(stage, lora=Lora(r=4, alpha=8, dropout=0.1), objective=objective)

    def runtime(self, tiny: Tiny, folder: Path) -> RuntimeConfig:
        return tiny.runtime(
            folder, train_workers=2, micro_batch_size=2, zero_stage=self.zero, train_folder=str(folder / "train")
        )  # fmt: skip


CASES = [Case(kind, zero) for kind in KINDS for zero in range(4)]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """An encoder, whose head is new, a decoder and a T5."""
    folder = tmp_path_factory.mktemp("models")
    write_encoder(folder / "bert", **WIDE)
    write_decoder(folder / "qwen3", chat=SHORT, **WIDE)
    return write_tiny(folder)


@pytest.fixture(scope="module")
def of_two(models: Tiny, tmp_path_factory: pytest.TempPathFactory) -> dict[Case, ExecutionContext]:
    """What two workers make of each case; one group goes through them all."""
    jobs = {}
    for case in CASES:
        folder = tmp_path_factory.mktemp("case")
        context = models.context(folder / "store", MICRO)
        jobs[case] = Job(case.stage(models), context, case.runtime(models, folder), folder, None)
    first = jobs[CASES[0]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "work", lambda _: [work({"job": job}) for job in jobs.values()])
        fine_tune(first.stage, first.context, first.runtime)
    return {case: job.context for case, job in jobs.items()}


def adapter(context: ExecutionContext, stage: FineTune) -> dict[str, torch.Tensor]:
    return load_file(context.store.fetch(stage.key) / "adapter_model.safetensors")


@pytest.mark.parametrize("kind", KINDS)
def test_at_every_zero_stage_it_is_that_of_the_plain_loop(
    kind: str, models: Tiny, of_two: dict[Case, ExecutionContext], tmp_path: Path
) -> None:
    stage, plain = Case(kind, 0).stage(models), models.context(tmp_path, MICRO)
    build_stage(stage, plain)
    wanted = adapter(plain, stage)
    assert any("classifier" in name for name in wanted) == (kind == "bert")
    for zero in range(4):
        assert_close(adapter(of_two[Case(kind, zero)], stage), wanted, 1e-4)


@pytest.mark.parametrize("kind", ["bert", "qwen3"])
def test_a_killed_group_goes_on(models: Tiny, tmp_path: Path, kind: str) -> None:
    case = Case(kind, 3)
    stage = case.stage(models, steps=60)
    often = Execution(micro_batch_size=2, checkpoint_every_steps=5)
    undisturbed = models.context(tmp_path / "plain", often)
    build_stage(stage, undisturbed)
    context = models.context(tmp_path / "store", often)
    fine_tune_through_a_kill(stage, context, case.runtime(models, tmp_path))
    assert_close(adapter(context, stage), adapter(undisturbed, stage), 1e-3)
