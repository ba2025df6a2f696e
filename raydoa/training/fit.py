"""The training loop, for gold labels, soft labels or both, on one process or on many.

Everything random follows from (seed, step, micro-batch), so a training that was interrupted goes on
as if it had not been, and one that is spread over workers takes the same steps as one that is not.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from raydoa.errors import UserError
from raydoa.training.batches import Batches, Example, InTurn, micro_batches
from raydoa.training.checkpoint_interval import Rhythm
from raydoa.training.engine import Engine
from raydoa.training.recipe import Execution

StepHook = Callable[[int, float], None]


class Checkpoints(Protocol):
    """Where a training keeps its place, and what its workers know about the machines that they run on.

    Every worker calls the same methods after the same steps.
    """

    nodes: int
    """Machines under the training."""

    def restore(self, engine: Engine) -> int:
        """Load the newest checkpoint; returns the steps it has done (0 if there is none)."""

    def save(self, engine: Engine, steps_done: int) -> None:
        """Keep the engine as it is after ``steps_done`` steps."""

    def must_leave(self, steps_done: int) -> bool:
        """Whether a machine under the training is about to be taken away; the same answer on every worker."""

    def may_grow(self) -> bool:
        """Whether the training would go on faster if it saved and started again; the same answer on every worker."""

    def agreed(self, number: float) -> float:
        """The largest of all workers' numbers."""


@dataclass(frozen=True)
class FitSummary:
    """What a training did: this rank's part of the loss at each step taken here, target tokens.

    ``steps_done`` counts from the very first step; they are fewer than were asked for where the training saved and left
    a machine that is taken away.
    """

    losses: tuple[float, ...]
    first_step: int
    steps_done: int
    tokens: int
    seconds: float


def fit(  # noqa: PLR0913 - all that a training is
    engine: Engine,
    examples: Sequence[Example],
    *,
    batch_size: int,
    steps: int,
    seed: int,
    execution: Execution,
    then: Sequence[Example] = (),
    rank: int = 0,
    world: int = 1,
    checkpoints: Checkpoints | None = None,
    on_step: StepHook | None = None,
) -> FitSummary:
    """Train for ``steps`` steps in all, from the newest checkpoint if there is one.

    Args:
        engine: model and optimiser.
        examples: all rows, on every rank.
        batch_size: rows of a global batch, which ``world`` workers share; this one is ``rank``.
        steps: optimiser steps.
        seed: decides order and dropout.
        execution: micro-batches, and how often to keep a checkpoint.
        then: rows that come after all of ``examples``, for their share of the steps.
        checkpoints: where to keep the training's place; None for one that is made again if it is
            interrupted.
        on_step: called after each step with its number (from 1) and this rank's part of the loss.

    Raises:
        UserError: the loss is no longer a number.
    """
    batches: Batches | InTurn = Batches(examples, batch_size, seed, engine.target_cost)
    if then:
        batches = InTurn(examples, then, batch_size, seed, steps, engine.target_cost)
    share = _Share(batches, batch_size, seed, rank, world, execution)
    keeper = _Keeper(checkpoints, execution) if checkpoints else None
    first = done = keeper.begin(engine) if keeper else 0
    losses: list[float] = []
    tokens = 0
    started = time.perf_counter()
    for step in range(first, steps):
        loss, step_tokens = share.accumulate(engine, step)
        if not math.isfinite(loss):
            raise UserError(
                f"training: the loss is {loss} at step {step + 1} of {steps}; lower the recipe's "
                "learning_rate"
            )
        engine.step()
        losses.append(loss)
        tokens += step_tokens
        done = step + 1
        if on_step is not None:
            on_step(done, loss)
        if keeper and done < steps and keeper.leaves(engine, done):
            break
    return FitSummary(tuple(losses), first, done, tokens, time.perf_counter() - started)


class _Keeper:
    """Keeps a training's place: when it is due, and at once when a machine is about to go."""

    def __init__(self, checkpoints: Checkpoints, execution: Execution) -> None:
        self._checkpoints = checkpoints
        self._rhythm = Rhythm(
            execution.checkpoint_every_steps,
            execution.interruptions_per_node_hour * checkpoints.nodes,
            checkpoints.agreed,
        )

    def begin(self, engine: Engine) -> int:
        """Go on from the newest checkpoint; returns the steps it has done."""
        done = self._checkpoints.restore(engine)
        self._rhythm.begin(done)
        return done

    def leaves(self, engine: Engine, done: int) -> bool:
        """Save if it is time to; whether to stop here and go on elsewhere."""
        if not self._rhythm.looks(done):
            return False
        due = self._rhythm.due(done)
        leaves = self._checkpoints.must_leave(done) or self._checkpoints.may_grow()
        if due or leaves:
            began = time.perf_counter()
            self._checkpoints.save(engine, done)
            self._rhythm.saved(done, time.perf_counter() - began)
        return leaves


@dataclass(frozen=True)
class _Share:
    """One rank's share of every step."""

    batches: Batches | InTurn
    batch_size: int
    seed: int
    rank: int
    world: int
    execution: Execution

    def accumulate(self, engine: Engine, step: int) -> tuple[float, int]:
        """Run this rank's micro-batches of ``step``; its part of the loss, and all ranks' tokens."""
        chosen, tokens = self.batches.global_batch(step)
        size = self.execution.micro_batch_size or -(-self.batch_size // self.world)
        loss = 0.0
        for micro, weight in micro_batches(chosen, size, self.batch_size, self.rank, self.world):
            torch.manual_seed(_seed(self.seed, step, micro.index))
            loss += engine.accumulate(micro, weight / tokens)
        return loss, tokens


def _seed(seed: int, step: int, micro: int) -> int:
    return ((seed * 1_000_003 + step) * 1_000_003 + micro) % 2**63
