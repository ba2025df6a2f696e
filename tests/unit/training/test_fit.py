import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import T5ForConditionalGeneration

import raydoa
from raydoa.errors import UserError
from raydoa.models.seq2seq.loss import Seq2SeqLoss as Loss
from raydoa.training.batches import Batches, Example
from raydoa.training.checkpoints import CheckpointFolder
from raydoa.training.engine import PlainEngine, learning_rate
from raydoa.training.fit import FitSummary, _Share, fit
from raydoa.training.recipe import Execution, Recipe

Build = Callable[..., T5ForConditionalGeneration]
Rows = Callable[..., list[Example]]
Hidden = Callable[[T5ForConditionalGeneration, list[Example]], list[Example]]

RECIPE = Recipe(
    learning_rate=0.01,
    batch_size=8,
    epochs=1,
    schedule="linear",
    warmup_fraction=0.2,
    weight_decay=0.1,
)
STEPS = 12


def _fit(
    model: T5ForConditionalGeneration,
    examples: list[Example],
    *,
    recipe: Recipe = RECIPE,
    micro: int | None = None,
    steps: int = STEPS,
    checkpoints: CheckpointFolder | None = None,
    every: int | None = None,
    on_step: Callable[[int, float], None] | None = None,
    loss: Loss | None = None,
    then: list[Example] | None = None,
) -> FitSummary:
    return fit(
        PlainEngine(loss or Loss(model), recipe, STEPS),
        examples,
        batch_size=recipe.batch_size,
        steps=steps,
        seed=5,
        execution=Execution(micro_batch_size=micro, checkpoint_every_steps=every),
        checkpoints=checkpoints,
        on_step=on_step,
        then=then or (),
    )


def _same(a: torch.nn.Module, b: torch.nn.Module, **tolerance: float) -> None:
    for name, value in a.state_dict().items():
        torch.testing.assert_close(value, b.state_dict()[name], msg=name, **tolerance)


def test_it_learns(build: Build, rows: Rows) -> None:
    model = build(d_model=32)
    summary = _fit(
        model, rows(8, longest=3), recipe=RECIPE.model_copy(update={"schedule": "constant"})
    )
    assert summary.losses[-1] < 0.6 * summary.losses[0]
    assert summary.first_step == 0 and len(summary.losses) == STEPS and summary.seconds > 0
    assert summary.tokens == STEPS * sum(len(e.target_ids) for e in rows(8, longest=3))


@pytest.mark.parametrize("soft", [0, 20, 13], ids=["gold", "soft", "mixed"])
@pytest.mark.parametrize("micro", [1, 3, 4])
def test_accumulation_equals_one_big_batch(
    build: Build, rows: Rows, hidden: Hidden, soft: int, micro: int
) -> None:
    # 20 rows: the last batch of an epoch has 4, so rounds without rows occur.
    teacher = build(seed=9)
    examples = [*(hidden(teacher, rows(20)[:soft]) if soft else ()), *rows(20)[soft:]]
    head = teacher.lm_head.weight.detach()
    models = [build(), build()]
    whole, parts = (
        _fit(
            model,
            examples,
            micro=size,
            loss=Loss(model, teacher_head=head, temperature=2.0) if soft else None,
        )
        for model, size in zip(models, (None, micro), strict=True)
    )
    assert parts.losses == pytest.approx(whole.losses, rel=1e-3)
    _same(*models, atol=2e-3, rtol=0)


@pytest.mark.parametrize("world", [2, 3])
def test_workers_together_take_the_plain_steps(build: Build, rows: Rows, world: int) -> None:
    examples, recipe = rows(20), RECIPE.model_copy(update={"dropout": 0.1})
    plain, shared = build(dropout=0.1), build(dropout=0.1)
    expected = _fit(plain, examples, recipe=recipe, micro=2)
    # One engine takes every rank's turn: gradients add up as they do over workers.
    engine = PlainEngine(Loss(shared), recipe, STEPS)
    means = Execution(micro_batch_size=2)
    batches = Batches(examples, recipe.batch_size, 5)
    shares = [_Share(batches, recipe.batch_size, 5, rank, world, means) for rank in range(world)]
    losses = []
    for step in range(STEPS):
        losses.append(sum(share.accumulate(engine, step)[0] for share in shares))
        engine.step()
    assert losses == pytest.approx(expected.losses, rel=1e-4)
    _same(plain, shared, atol=1e-4, rtol=0)


class _Interrupted(Exception):
    pass


@pytest.mark.parametrize("in_turn", [False, True], ids=["together", "in turn"])
@pytest.mark.parametrize("died_after", [5, 9, STEPS])
def test_a_resumed_training_ends_in_the_same_bits(
    build: Build, rows: Rows, tmp_path: Path, died_after: int, in_turn: bool
) -> None:
    examples, recipe = rows(30), RECIPE.model_copy(update={"dropout": 0.1})
    examples, then = (examples[:15], examples[15:]) if in_turn else (examples, None)
    straight = build(dropout=0.1)
    expected = _fit(straight, examples, recipe=recipe, micro=3, then=then)

    def die(step: int, _: float) -> None:
        if step == died_after:
            raise _Interrupted

    place = CheckpointFolder(tmp_path / "place")
    with pytest.raises(_Interrupted):
        _fit(
            build(dropout=0.1),
            examples,
            recipe=recipe,
            micro=3,
            then=then,
            checkpoints=place,
            every=4,
            on_step=die,
        )
    resumed = build(seed=77, dropout=0.1)
    again = _fit(resumed, examples, recipe=recipe, micro=3, then=then, checkpoints=place, every=4)
    assert again.first_step == (died_after - 1) // 4 * 4
    assert again.losses == expected.losses[again.first_step :]
    _same(straight, resumed, atol=0.0, rtol=0.0)
    assert len(list((tmp_path / "place").iterdir())) == 1, "only the newest is kept"


_VICTIM = """
import os, signal, sys
from pathlib import Path
import torch
from raydoa.training.checkpoints import CheckpointFolder
from raydoa.models.seq2seq.loss import Seq2SeqLoss as Loss
from raydoa.training.engine import PlainEngine
from raydoa.training.fit import fit
from raydoa.training.recipe import Execution

class Dies(PlainEngine):
    def save(self, folder):
        super().save(folder)
        if folder.name.startswith("aside-9-"):
            os.truncate(folder / "engine.safetensors", 100)
            os.kill(os.getpid(), signal.SIGKILL)

torch.set_num_threads(1)
folder = Path(sys.argv[1])
model, examples, recipe, steps = torch.load(folder / "start.pt", weights_only=False)
fit(Dies(Loss(model), recipe, steps), examples, batch_size=recipe.batch_size, steps=steps, seed=5,
    execution=Execution(checkpoint_every_steps=3), checkpoints=CheckpointFolder(folder / "place"))
"""


def test_a_process_killed_while_it_saves_goes_on_from_the_checkpoint_before(
    build: Build, rows: Rows, tmp_path: Path
) -> None:
    straight, resumed = build(), build()
    torch.save((resumed, rows(30), RECIPE, STEPS), tmp_path / "start.pt")
    expected = _fit(straight, rows(30))
    victim = subprocess.run(
        [sys.executable, "-c", _VICTIM, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(raydoa.__file__).parents[1])},
    )
    assert victim.returncode == -signal.SIGKILL, victim.stderr
    left = sorted(path.name for path in (tmp_path / "place").iterdir())
    assert len(left) == 2 and left[0].startswith("aside-9-"), "half a checkpoint"
    assert left[1] == "steps-6", "and the whole one before it"
    again = _fit(resumed, rows(30), checkpoints=CheckpointFolder(tmp_path / "place"), every=3)
    assert again.first_step == 6 and again.losses == expected.losses[6:]
    _same(straight, resumed, atol=0.0, rtol=0.0)


def test_two_that_keep_one_training_do_not_lose_it(build: Build, tmp_path: Path) -> None:
    """A process that was taken for dead goes on beside its successor."""
    engines = [PlainEngine(Loss(build()), RECIPE, STEPS) for _ in range(2)]
    places = [CheckpointFolder(tmp_path) for _ in range(2)]
    for place, engine in zip(places, engines, strict=True):
        fit(
            engine,
            [Example("1", [5, 1], [6, 1])],
            batch_size=1,
            steps=1,
            seed=5,
            execution=Execution(),
        )
        place.save(engine, 2)
    places[0].save(engines[0], 6)
    places[1].save(engines[1], 4)
    assert CheckpointFolder(tmp_path).restore(engines[1]) == 6


def test_a_finished_training_is_not_repeated(build: Build, rows: Rows, tmp_path: Path) -> None:
    place = CheckpointFolder(tmp_path)
    engine = PlainEngine(Loss(build()), RECIPE, STEPS)
    fit(engine, rows(8), batch_size=8, steps=2, seed=5, execution=Execution())
    place.save(engine, 2)
    assert _fit(build(), rows(8), checkpoints=place, steps=2).losses == ()


def test_dropout_follows_the_step_and_not_what_came_before(build: Build, rows: Rows) -> None:
    recipe = RECIPE.model_copy(update={"dropout": 0.3})
    losses = []
    for noise in range(2):
        model = build(dropout=0.3)
        torch.rand(noise * 7)
        losses.append(_fit(model, rows(8), recipe=recipe, steps=3).losses)
    assert losses[0] == losses[1]
    assert losses[0] != _fit(build(), rows(8), steps=3).losses


def test_activation_checkpointing_changes_nothing(build: Build, rows: Rows) -> None:
    recipe = RECIPE.model_copy(update={"dropout": 0.1})
    plain, saving = build(dropout=0.1), build(dropout=0.1).eval()
    calls = []
    saving.decoder.block[0].layer[0].register_forward_pre_hook(lambda *_: calls.append(1))
    _fit(plain, rows(16), recipe=recipe, steps=4)
    loss = Loss(saving, activation_checkpointing=True)
    _fit(saving, rows(16), recipe=recipe, steps=4, loss=loss)
    assert len(calls) == 8, "the block ran again in the backward pass"
    _same(plain, saving, atol=1e-6, rtol=1e-5)


def test_bfloat16_keeps_float32_weights_and_stays_close(
    build: Build, rows: Rows, hidden: Hidden
) -> None:
    teacher = build(seed=9)
    for examples in (rows(16), hidden(teacher, rows(16))):
        found = []
        for precision in ("float32", "bfloat16"):
            model = build()
            loss = Loss(model, teacher_head=teacher.lm_head.weight.detach(), temperature=2.0)
            recipe = RECIPE.model_copy(update={"precision": precision})
            found.append(_fit(model, examples, recipe=recipe, steps=6, loss=loss).losses)
            assert all(p.dtype == torch.float32 for p in model.parameters())
        assert found[0] != found[1]
        assert found[1] == pytest.approx(found[0], rel=0.05)


def test_gradients_are_clipped_to_the_recipes_norm(build: Build, rows: Rows) -> None:
    model = build()
    engine = PlainEngine(Loss(model), RECIPE.model_copy(update={"max_grad_norm": 0.5}), STEPS)
    norms = []
    engine._optimiser.register_step_pre_hook(
        lambda *_: norms.append(
            math.sqrt(
                sum(float(p.grad.square().sum()) for p in model.parameters() if p.grad is not None)
            )
        )
    )
    fit(engine, rows(8), batch_size=8, steps=2, seed=0, execution=Execution())
    assert norms == pytest.approx([0.5, 0.5], rel=1e-3)


def test_the_learning_rate_warms_up_and_decays() -> None:
    rates = [
        learning_rate(RECIPE.model_copy(update={"learning_rate": 1.0}), s, 10) for s in range(10)
    ]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125])
    constant = RECIPE.model_copy(update={"schedule": "constant", "warmup_fraction": 0.0})
    assert {learning_rate(constant, s, 10) for s in range(10)} == {0.01}


def test_a_loss_that_is_no_number_stops_the_training(build: Build, rows: Rows) -> None:
    model = build()
    with torch.no_grad():
        model.lm_head.weight[3] = torch.inf
    with pytest.raises(UserError, match=r"the loss is (nan|inf) at step 1 of 12; lower"):
        _fit(model, rows(8))
