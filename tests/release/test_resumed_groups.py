"""A worker group that loses a worker goes on to the model of an undisturbed training, whatever the architecture.

The plain loop, in another process and whole, has the same: so the head that a checkpoint lacks is the same on every worker
and in every group, also where ZeRO-3 has cut it into parts while it was made.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from raydoa.models.objective import Objective
from raydoa.pipeline.build import build_stage
from raydoa.training.recipe import Execution
from tests.ray.tiny import Tiny, assert_close, fine_tune_through_a_kill, weights, write_tiny
from tests.unit.decoders import write_decoder
from tests.unit.encoders import write_encoder

pytestmark = [pytest.mark.timeout(1800), pytest.mark.usefixtures("two_cpus")]

_WIDE = {"hidden_size": 320, "intermediate_size": 64}
"""DeepSpeed leaves matrices of fewer than 100,000 numbers whole under ZeRO-3: the one in ModernBERT's head has more."""
_WRITTEN: dict[str, Callable[[Path], Path]] = {
    "modernbert": lambda folder: write_encoder(folder, "modernbert", **_WIDE),
    "qwen3": lambda folder: write_decoder(folder, chat=None, **_WIDE),
}
_OFTEN = Execution(micro_batch_size=2, checkpoint_every_steps=5)
_STEPS = 60
# Slow enough that the order of a sum stays a matter of rounding.
_RECIPE = {"learning_rate": 3e-4}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """The tiny task, and models of other families."""
    tiny = write_tiny(tmp_path_factory.mktemp("tiny"))
    for name, write in _WRITTEN.items():
        write(tiny.model(name))
    return tiny


@pytest.mark.parametrize(
    ("name", "zero_stage"),
    [("modernbert", 3), ("modernbert", 0), ("qwen3", 3), ("qwen3[kind=encoder]", 2)],
)
def test_a_killed_worker_is_made_up_for(
    models: Tiny, tmp_path: Path, name: str, zero_stage: int
) -> None:
    stage = models.fine_tuning(
        name,
        steps=_STEPS,
        recipe=_RECIPE,
        objective=Objective("classes", models.spec.classes),
    )
    undisturbed = models.context(tmp_path / "plain", _OFTEN)
    plain = build_stage(stage, undisturbed)
    torch.manual_seed(20261130)
    context, train = models.context(tmp_path / "store", _OFTEN), tmp_path / "train"
    runtime = models.runtime(
        tmp_path,
        train_workers=2,
        micro_batch_size=2,
        zero_stage=zero_stage,
        train_folder=str(train),
    )
    record = fine_tune_through_a_kill(stage, context, runtime)
    assert record.facts["losses"] == pytest.approx(plain.facts["losses"], rel=1e-3)
    assert_close(weights(context.store, stage), weights(undisturbed.store, stage), 1e-3)
