"""Builds of trials on a cluster: who waits, who gets an error, and what the death of a trial or of the registry does."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import ray

from raydoa.on_ray.build_registry import Status, find_registry
from raydoa.on_ray.cluster_locks import ClusterLocks
from raydoa.pipeline.builder import BuildOutcome
from raydoa.store.store import Store
from tests.ray.tiny import Tiny
from tests.ray.watching import actors, living, until

MADE = BuildOutcome(made=True)

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("two_cpus")]


@ray.remote(num_cpus=0, max_concurrency=8)
class Trial:
    """A trial as its locks see it: an actor that acquires them, is busy, and may die."""

    def __init__(self, store: Store, stages: dict[str, Any]) -> None:
        self._locks = ClusterLocks(store)
        self._stages = stages

    def acquire(self, *names: str) -> list[str]:
        granted = self._locks.acquire([self._stages[name] for name in names])
        return [name for name, stage in self._stages.items() if stage in granted]

    def release(self, names: list[str], outcome: BuildOutcome) -> None:
        self._locks.release([self._stages[name] for name in names], outcome)

    def wait(self, name: str) -> BuildOutcome | None:
        return self._locks.wait(self._stages[name])

    def process(self) -> int:
        return os.getpid()


@pytest.fixture
def stages(tiny: Tiny) -> dict[str, Any]:
    teacher = tiny.fine_tuning()
    return dict(zip("abc", tiny.shards(teacher, 3), strict=True))


@pytest.fixture
def trials(tmp_path: Path, stages: dict[str, Any]) -> list[Any]:
    store = Store(str(tmp_path / "store"))
    return [Trial.remote(store, stages) for _ in range(2)]


def _status(since: int | None = None) -> Status:
    """What this job builds; all trials are of it."""
    job = ray.get_runtime_context().get_job_id()
    status: Status = ray.get(find_registry().status.remote(job, since))
    return status


def test_what_is_built_is_known(trials: list[Any], stages: dict[str, Any], tmp_path: Path) -> None:
    one, two = trials
    since = _status().count
    assert ray.get(one.acquire.remote("a", "b")) == ["a", "b"]
    assert ray.get(two.acquire.remote("b", "c")) == ["c"]
    assert ray.get(one.acquire.remote("a", "c")) == []
    assert _status().running == {"pseudo_label large": 3}
    ray.get(one.release.remote(["a", "b"], MADE))
    assert ray.get(two.acquire.remote("a", "b")) == ["a", "b"]
    made = _status(since).made
    assert [label for label, _, _ in made] == ["pseudo_label large"] * 2
    assert [Path(lock).name for _, lock, _ in made] == [stages[name].key for name in "ab"]
    ray.get(two.release.remote(["a", "b", "c"], MADE))


def test_waiters_may_try_after_a_failure(trials: list[Any]) -> None:
    """It may have been stopped, or its machine lost."""
    one, two = trials
    since = _status().count
    ray.get(one.acquire.remote("a"))
    waiting = [two.wait.remote("a") for _ in range(3)]
    assert ray.wait(waiting, timeout=0.5)[0] == []
    ray.get(one.release.remote(["a"], BuildOutcome(error="ValueError: no")))
    assert ray.get(waiting) == [None] * 3
    assert ray.get(two.acquire.remote("a")) == ["a"]
    assert _status(since).made == []
    ray.get(two.release.remote(["a"], MADE))
    assert ray.get(one.wait.remote("a")) is None, "it is free: nothing to wait for"


@pytest.mark.parametrize("final", [False, True])
def test_what_failed_for_good_is_not_granted_to_that_job_again(
    trials: list[Any], final: bool
) -> None:
    one, two = trials
    for failure in range(1 if final else 3):
        assert ray.get(one.acquire.remote("a")) == ["a"]
        waiting = two.wait.remote("a")
        assert ray.wait([waiting], timeout=0.2)[0] == []
        failed = BuildOutcome(error=f"ValueError: {failure}", final=final)
        ray.get(one.release.remote(["a"], failed))
    assert failed.error == f"ValueError: {0 if final else 2}"
    assert ray.get(waiting) == failed, "waiters get it"
    assert ray.get(two.acquire.remote("a", "b")) == ["b"]
    assert ray.get(two.wait.remote("a")) == failed, "and so do later ones"
    ray.get(two.release.remote(["b"], MADE))


def test_another_job_may_try_what_failed_for_good(tmp_path: Path) -> None:
    registry, lock = find_registry(), str(tmp_path / "lock")
    failed = BuildOutcome(error="ValueError: no", final=True)
    ray.get(registry.end.remote([lock], "a job", failed))
    assert ray.get(registry.given_up.remote(lock, "a job")) == failed
    assert ray.get(registry.given_up.remote(lock, "another")) is None
    assert ray.get(registry.begin.remote([lock], "work", "a job")) == [lock]
    assert ray.get(registry.begin.remote([lock], "work", "another")) == []


def test_a_warning_is_given_to_its_job_once() -> None:
    registry, warning = find_registry(), ("raydoa.store", "a disk is broken")
    ray.get(registry.warn.remote("a job", *warning))
    assert ray.get(registry.warnings.remote("another")) == []
    assert ray.get(registry.warnings.remote("a job")) == [warning]
    assert ray.get(registry.warnings.remote("a job")) == []


@pytest.mark.parametrize("gently", [False, True])
def test_a_dead_trials_locks_are_released(trials: list[Any], gently: bool) -> None:
    one, two = trials
    ray.get(one.acquire.remote("a", "b"))
    ray.get(two.acquire.remote("c"))
    waiting = two.wait.remote("b")
    if gently:
        ray.kill(one)
    else:
        os.kill(ray.get(one.process.remote()), signal.SIGKILL)
    assert ray.get(waiting) is None, "its death is no error of the stage"
    assert _status().running == {"pseudo_label large": 1}, "and it is forgotten"
    assert ray.get(two.acquire.remote("a", "b", "c")) == ["a", "b"]
    ray.get(two.release.remote(["a", "b", "c"], MADE))


def test_a_cluster_has_one_registry() -> None:
    from raydoa.on_ray.build_registry import start_registry

    again = start_registry()
    assert again._actor_id == find_registry()._actor_id


def test_the_registry_comes_back(trials: list[Any]) -> None:
    """Nobody notices: locks are held by their trials, and what is called meanwhile is answered by the next one."""
    one, two = trials
    assert ray.get(one.acquire.remote("a")) == ["a"]
    waiting = two.wait.remote("a")
    [process] = living("BuildRegistry")
    os.kill(process, signal.SIGKILL)
    assert ray.get(two.acquire.remote("a", "b")) == ["b"], "a is locked all the time"
    assert ray.wait([waiting], timeout=0.5)[0] == []
    ray.get(one.release.remote(["a"], MADE))
    assert ray.get(waiting) is None
    assert ray.get(two.acquire.remote("a")) == ["a"]
    ray.get(two.release.remote(["a", "b"], MADE))
    until("another registry", lambda: living("BuildRegistry") not in ([], [process]))
    assert len(actors("BuildRegistry")) == 1, "the same actor"
