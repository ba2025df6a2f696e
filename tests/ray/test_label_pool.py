"""Labelling the pool with Ray Data: every row once, whatever dies; only what is missing; a bad row by its name."""

import contextlib
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from ray.air._internal.util import skip_exceptions
from ray.exceptions import ActorUnavailableError

from raydoa.errors import UnlabelableRow
from raydoa.experiment.placement import ActorPool, Placer
from raydoa.on_ray import label_pool as module
from raydoa.on_ray.cluster_locks import ClusterLocks
from raydoa.on_ray.label_pool import MOST_RETRIES, LabelPoolFailed
from raydoa.on_ray.runner import ClusterRunner
from raydoa.pipeline.build import build_stage
from raydoa.pipeline.builder import Builder
from raydoa.pipeline.context import ExecutionContext, open_rows
from raydoa.pipeline.stages import PseudoLabel
from raydoa.store.key import Stage
from raydoa.store.record import Record
from raydoa.tasks.split import pool
from tests.ray.tiny import POISON, Tiny, label
from tests.ray.watching import alive, held, living, until
from tests.shards import rows_of

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("two_cpus")]

_ACTOR = "MapWorker(MapBatches(_PoolActor))"


@pytest.fixture
def context(tiny: Tiny, tmp_path: Path) -> ExecutionContext:
    """A store with a teacher in it."""
    context = tiny.context(tmp_path / "store")
    build_stage(tiny.fine_tuning(), context)
    return context


def _check_every_row_once(shards: list[PseudoLabel], context: ExecutionContext) -> None:
    ids = [row.row_id for shard in shards for row in rows_of(context.store.fetch(shard.key))]
    rows = open_rows(shards[0].data, context)
    wanted = [row.id for row in pool(rows, 0, 0, shards[-1].stop)]
    assert len(ids) == len(set(ids)) == len(wanted)
    assert set(ids) == set(wanted)


def _records(shards: list[PseudoLabel], context: ExecutionContext) -> list[Record]:
    found = [context.store.find(shard.key) for shard in shards]
    return [record for record in found if record is not None]


def test_a_killed_actor_loses_no_row_and_doubles_none(
    tiny: Tiny, context: ExecutionContext, tmp_path: Path
) -> None:
    shards = tiny.shards(tiny.fine_tuning(), 30)
    with ThreadPoolExecutor(1) as beside:
        killed = beside.submit(_kill_an_actor_after_a_shard, shards, context)
        label(shards, context, tiny.runtime(tmp_path))
        assert len(killed.result()) < len(shards), "it died in the middle"
    _check_every_row_once(shards, context)
    before = {record.key: record for record in killed.result()}
    after = {record.key: record for record in _records(shards, context)}
    assert before.items() <= after.items(), "what was finished was not made again"


def _kill_an_actor_after_a_shard(
    shards: list[PseudoLabel], context: ExecutionContext
) -> list[Record]:
    until("a shard", lambda: bool(_records(shards, context)))
    actor = living(_ACTOR)[0]
    os.kill(actor, signal.SIGKILL)
    until("its death", lambda: not alive(actor))
    return _records(shards, context)


def test_the_pool_scales_between_least_and_most(
    tiny: Tiny, context: ExecutionContext, tmp_path: Path
) -> None:
    shards = [
        replace(shard, seed=seed)
        for seed in range(3)
        for shard in tiny.shards(tiny.fine_tuning(), 40)
    ]
    done, seen = Event(), set[int]()

    def watch() -> int:
        until("an actor", lambda: bool(living(_ACTOR)))
        with held(f"ray::{_ACTOR}"):
            until("a second one", lambda: len(living(_ACTOR)) == 2)
            seen.update(living(_ACTOR))
        most = len(seen)
        while not done.wait(0.1):
            seen.update(now := living(_ACTOR))
            most = max(most, len(now))
        return most

    with ThreadPoolExecutor(1) as beside:
        watched = beside.submit(watch)
        label(shards, context, tiny.runtime(tmp_path, label_actors=(1, 2)))
        done.set()
    assert watched.result() == 2
    assert len(seen) == 2, "nobody was replaced"
    assert len(_records(shards, context)) == len(shards)
    until("the end of the pool", lambda: not living(_ACTOR))


def test_a_larger_pool_computes_only_the_new_shards(
    tiny: Tiny, context: ExecutionContext, tmp_path: Path
) -> None:
    teacher = tiny.fine_tuning()
    small, large = tiny.shards(teacher, 2), tiny.shards(teacher, 5)
    runner = ClusterRunner(context, Placer(tiny.runtime(tmp_path), frozenset({"large"})))
    builder = Builder(context.store, runner, ClusterLocks(context.store))
    builder._supply(small)
    before = _records(small, context)
    assert len(before) == 2
    builder._supply(large)
    _check_every_row_once(large, context)
    assert _records(small, context) == before, "same attempt, same time: nobody touched them"
    newest = max(record.created_at for record in before)
    assert all(record.created_at > newest for record in _records(large[2:], context))
    assert {record.facts["rows"] for record in _records(large, context)} == {10}


def test_what_workers_and_actors_read_damaged_is_made_again(
    tiny: Tiny, context: ExecutionContext, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The rows, read by a group's workers; then the teacher and the rows, read by the pool's actors."""
    teacher = tiny.fine_tuning()
    [shard] = tiny.shards(teacher, 1)
    store = context.store

    def damage(stage: Stage, name: str) -> None:
        path = store.fetch(stage.key, [name]) / name
        os.truncate(path, path.stat().st_size // 2)

    def build(stage: Stage, *groups: str) -> list[str]:
        caplog.clear()
        runtime = tiny.runtime(tmp_path, train_folder=str(tmp_path / "train"))
        runner = ClusterRunner(context, Placer(runtime, frozenset(groups)))
        Builder(store, runner, ClusterLocks(store)).build(stage)
        return [line for line in caplog.messages if "dropped and made again" in line]

    store.drop(teacher.key)
    damage(teacher.data, "train.parquet")
    [told] = build(teacher, "large")
    assert teacher.data.key in told
    damage(teacher, "model.safetensors")
    damage(teacher.data, "pool.parquet")
    told, also_told = build(shard)
    assert teacher.data.key in told and teacher.key in also_told
    _check_every_row_once([shard], context)
    assert not any(damaged for _, damaged in store.verify())


def test_a_poisoned_row_is_named_and_nothing_else_is_lost(
    tmp_path: Path, tiny_poisoned: Tiny
) -> None:
    """One pool row has a token for which the teacher's embedding is not a number."""
    context = tiny_poisoned.context(tmp_path / "store")
    teacher = tiny_poisoned.fine_tuning()
    build_stage(teacher, context)
    rows = pool(open_rows(teacher.data, context), 0, 0, 400)
    place, victim = next((i, row.id) for i, row in enumerate(rows) if POISON in row.source)
    shards = tiny_poisoned.shards(teacher, 40)
    with pytest.raises(
        UnlabelableRow, match=f"row {victim} cannot be labelled: .*not finite; mend"
    ) as told:
        label(shards, context, tiny_poisoned.runtime(tmp_path))
    # Tune shortens the error of a trial along its causes, to their end.
    assert str(skip_exceptions(told.value)) == str(told.value)
    assert context.store.find(shards[place // 10].key) is None, "no half shard"
    others = [shard for shard in shards if not shard.start <= place < shard.stop]
    before = _records(others, context)
    label(others, context, tiny_poisoned.runtime(tmp_path))
    assert {r.key for r in before} <= {r.key for r in _records(others, context)}
    assert len(_records(others, context)) == len(others)


def test_actors_that_keep_dying_end_in_an_error_that_names_rows(
    tiny: Tiny, context: ExecutionContext, tmp_path: Path
) -> None:
    shards = tiny.shards(tiny.fine_tuning(), 30)
    done, killed = Event(), set[int]()

    def kill() -> None:
        while not done.wait(0.1):
            for actor in living(_ACTOR):
                killed.add(actor)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(actor, signal.SIGKILL)

    with ThreadPoolExecutor(1) as beside:
        killing = beside.submit(kill)
        with pytest.raises(
            LabelPoolFailed, match=r"with large failed after 2 retries; .* rows: \d+\.\.\d+"
        ):
            label(shards, context, tiny.runtime(tmp_path, label_actors=(1, 1)))
        done.set()
        killing.result()
    assert len(killed) <= 8, "restarts are bounded"


@pytest.mark.parametrize("shards_before_a_loss", [0, 1])
def test_lost_nodes_end_it_only_where_it_gets_no_further(
    shards_before_a_loss: int,
    tiny: Tiny,
    context: ExecutionContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shards = tiny.shards(tiny.fine_tuning(), 5)
    left = []

    def label_and_lose(some: ActorPool, context: ExecutionContext, _: object) -> None:
        left.append(len(some.shards))
        module._PoolActor(some.shards, context)({"shard": range(shards_before_a_loss)})
        raise ActorUnavailableError("the node is silent", None)

    monkeypatch.setattr(module, "_label", label_and_lose)
    if shards_before_a_loss:
        label(shards, context, tiny.runtime(tmp_path))
        assert left == [5, 4, 3, 2, 1] and len(left) > MOST_RETRIES + 1
    else:
        with pytest.raises(LabelPoolFailed, match="unfinished pool rows: 0"):
            label(shards, context, tiny.runtime(tmp_path))
        assert left == [5] * (MOST_RETRIES + 1)
