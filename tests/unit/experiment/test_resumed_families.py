"""A fine-tuning of any architecture that dies goes on elsewhere as if it had not, its new head included.

A head that a checkpoint lacks is made from the seed of the training, whatever else the process has drawn; so one that
died before its first checkpoint begins again with the same head as well.
"""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import raydoa
from raydoa.experiment.resolve import resolve
from raydoa.pipeline.build import build_stage
from raydoa.pipeline.context import ExecutionContext
from raydoa.pipeline.stages import FineTune
from raydoa.store.store import Store
from raydoa.training.engine import PlainEngine
from raydoa.training.recipe import Execution, Recipe
from tests.unit.checkpoints import write_checkpoint
from tests.unit.decoders import SHORT, write_decoder
from tests.unit.encoders import write_encoder
from tests.unit.seq2seqs import write_multilingual, write_seq2seq
from tests.unit.world import World, builder_of, graph_of

RECIPE = Recipe(learning_rate=3e-3, batch_size=8, epochs=3, dropout=0.1)
_WRITTEN: dict[str, Callable[[Path], Path]] = {
    "modernbert": lambda folder: write_encoder(folder, "modernbert"),
    "deberta-v2": lambda folder: write_encoder(folder, "deberta-v2"),
    "qwen3": lambda folder: write_decoder(folder, "qwen3", chat=SHORT),
    "llama": lambda folder: write_decoder(folder, "llama", chat=None),
    "bart": write_seq2seq,
    "mt5": lambda folder: write_multilingual(folder, "mt5"),
    "t5": write_checkpoint,
}
_HEADS = {
    "modernbert": ("head.dense.weight", "classifier.weight"),
    "deberta-v2": ("pooler.dense.weight", "classifier.weight"),
    "qwen3[kind=encoder]": ("score.weight",),
}
"""Parts of the head that a checkpoint of a masked or causal language model lacks."""


class _PowerCutError(BaseException):
    pass


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def of_model(world: World, name: str) -> tuple[FineTune, ExecutionContext]:
    """The fine-tuning of ``annotate`` with that student, and a context whose store holds the task's rows."""
    base = name.partition("[")[0]
    folder = _WRITTEN[base](world.folder / base)
    sweep = world.sweep(
        strategies=("annotate",), student=name, budgets=(40.0,), n=(16,), student_recipe=RECIPE,
        prices="2026-11-09", accelerator="a100-40gb", pretraining=None,
    )  # fmt: skip
    resolved = resolve(sweep, world.runtime(models={base: str(folder)}))
    (cell,) = resolved.study.cells()
    stage = graph_of(resolved, cell).student
    assert isinstance(stage, FineTune) and stage.steps > 6
    plan = resolved.study.plan(cell)
    builder_of(resolved, plan).build(stage.data)
    return stage, resolved.context


def made(stage: FineTune, context: ExecutionContext) -> dict[str, torch.Tensor]:
    """Its weights, which are forgotten in the store."""
    weights = load_file(context.store.fetch(stage.key) / "model.safetensors")
    context.store.drop(stage.key)
    return weights


def assert_same(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())


@pytest.mark.parametrize(
    ("name", "died_after"),
    [*((name, 5) for name in (*_WRITTEN, "qwen3[kind=encoder]")), *((name, 1) for name in _HEADS)],
)
def test_it_ends_in_the_same_bits(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, died_after: int
) -> None:
    """Died after the first checkpoint, or before it."""
    stage, context = of_model(world, name)
    whole = build_stage(stage, context)
    wanted = made(stage, context)
    assert set(_HEADS.get(name, ())) <= wanted.keys()

    often = replace(
        context,
        execution=Execution(checkpoint_every_steps=3),
        train_folder=str(world.folder / "train"),
    )
    step, taken = PlainEngine.step, list[None]()

    def cut(self: PlainEngine, *arguments: Any) -> None:
        if len(taken) == died_after:
            raise _PowerCutError
        step(self, *arguments)
        taken.append(None)

    with monkeypatch.context() as patch:
        patch.setattr(PlainEngine, "step", cut)
        with pytest.raises(_PowerCutError):
            build_stage(stage, often)
    torch.manual_seed(20261130)  # Another process has drawn other numbers.
    record = build_stage(stage, often)
    assert record.facts["first_step"] == (0 if died_after < 3 else 3)
    losses = whole.facts["losses"]
    assert isinstance(losses, list)
    assert record.facts["losses"] == losses[record.facts["first_step"] :]
    assert_same(made(stage, often), wanted)


_VICTIM = """
import os, pickle, signal, sys
import torch
from raydoa.pipeline.build import build_stage
from raydoa.training.engine import PlainEngine

torch.set_num_threads(1)
step, taken = PlainEngine.step, []

def die(self):
    if len(taken) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    step(self)
    taken.append(None)

PlainEngine.step = die
with open(sys.argv[1], "rb") as file:
    stage, context = pickle.load(file)
build_stage(stage, context)
"""


def test_a_process_that_is_killed_leaves_its_head_to_the_next(world: World) -> None:
    stage, context = of_model(world, "modernbert")
    build_stage(stage, context)
    wanted = made(stage, context)
    often = replace(
        context,
        store=Store(context.store.url),
        execution=Execution(checkpoint_every_steps=3),
        train_folder=str(world.folder / "train"),
    )
    start = world.folder / "start.pickle"
    start.write_bytes(pickle.dumps((stage, often)))
    victim = subprocess.run(
        [sys.executable, "-c", _VICTIM, str(start)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(raydoa.__file__).parents[1])},
    )
    assert victim.returncode == -signal.SIGKILL, victim.stderr
    [place] = (world.folder / "train").glob("fine_tune-*")
    assert [path.name for path in place.iterdir()] == ["steps-3"]
    assert build_stage(stage, often).facts["first_step"] == 3
    assert_same(made(stage, often), wanted)
    assert not place.exists()
