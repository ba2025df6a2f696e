"""Build locks with real actors: who waits, who gets an error, and what a holder's death does."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import ray

from raydoa.on_ray.locks import Holder, LockManager, Status, find_locks
from raydoa.pipeline.builder import BuildOutcome
from tests.ray.watching import until

JOB = "a job"
MADE = BuildOutcome(made=True)

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("two_cpus")]


@ray.remote(num_cpus=0)
class Builder:
    """A trial as `LockManager` sees one: an actor that acquires locks, is busy, and may die."""

    def __init__(self, name: str, manager: Any) -> None:
        self._name = name
        self._manager = manager

    def acquire(self, *keys: str) -> list[str]:
        holder = Holder(self._name, JOB, ray.get_runtime_context().current_actor)
        granted: list[str] = ray.get(self._manager.acquire.remote(keys, "work", holder))
        return granted

    def process(self) -> int:
        return os.getpid()

    def make_all(self, keys: list[str]) -> list[str]:
        """What the builder does: lock what is free, build it, wait for the rest, look again."""
        made: list[str] = []
        while set(keys) - _published():
            missing = [key for key in keys if key not in _published()]
            acquired = [key for key in self.acquire(*missing) if key not in _published()]
            for key in acquired:
                ray.get(_registry().put.remote(key))
            ray.get(self._manager.release.remote(missing and acquired, self._name, MADE))
            made += acquired
            for key in missing:
                ray.get(self._manager.wait.remote(key, JOB))
        return made


@ray.remote(num_cpus=0)
class Published:
    """Keys that have been built, in order."""

    def __init__(self) -> None:
        self._keys: list[str] = []

    def put(self, key: str) -> None:
        self._keys.append(key)

    def keys(self) -> list[str]:
        return self._keys


def _registry() -> Any:
    return ray.get_actor("published")


def _published() -> set[str]:
    return set(ray.get(_registry().keys.remote()))


@pytest.fixture
def manager() -> Iterator[Any]:
    """A lock manager of this test alone."""
    handle = ray.remote(num_cpus=0, max_concurrency=1000)(LockManager).remote()
    yield handle
    ray.kill(handle)


def test_a_key_is_locked_by_one_holder_at_a_time(manager: Any) -> None:
    one, two = Builder.remote("one", manager), Builder.remote("two", manager)
    assert ray.get(one.acquire.remote("a", "b")) == ["a", "b"]
    assert ray.get(two.acquire.remote("b", "c")) == ["c"]
    assert ray.get(one.acquire.remote("a", "c")) == []
    status: Status = ray.get(manager.status.remote(JOB))
    assert status.running == {"work": 3}
    ray.get(manager.release.remote(["a", "b"], "one", MADE))
    assert ray.get(two.acquire.remote("a", "b")) == ["a", "b"]
    status = ray.get(manager.status.remote(JOB, 0))
    assert [(label, key) for label, key, _ in status.made] == [("work", "a"), ("work", "b")]


def test_waiters_continue_when_the_lock_is_released(manager: Any) -> None:
    builder = Builder.remote("one", manager)
    ray.get(builder.acquire.remote("a"))
    waiting = [manager.wait.remote("a", JOB) for _ in range(3)]
    assert ray.wait(waiting, timeout=0.5)[0] == []
    ray.get(manager.release.remote(["a"], "one", MADE))
    assert ray.get(waiting) == [None] * 3
    assert ray.get(manager.wait.remote("a", JOB)) is None, "it is free: nothing to wait for"


def test_waiters_may_try_after_a_failure(manager: Any) -> None:
    """It may have been stopped, or its machine lost."""
    one, two = Builder.remote("one", manager), Builder.remote("two", manager)
    ray.get(one.acquire.remote("a"))
    waiting = manager.wait.remote("a", JOB)
    assert ray.wait([waiting], timeout=0.5)[0] == []
    ray.get(manager.release.remote(["a"], "one", BuildOutcome(error="ValueError: no")))
    assert ray.get(waiting) is None
    assert ray.get(two.acquire.remote("a")) == ["a"]
    assert ray.get(manager.status.remote(JOB, 0)).made == []


@pytest.mark.parametrize("final", [False, True])
def test_what_failed_for_good_is_not_granted_to_that_job_again(manager: Any, final: bool) -> None:
    one, two = Builder.remote("one", manager), Builder.remote("two", manager)
    for failure in range(1 if final else 3):
        assert ray.get(one.acquire.remote("a")) == ["a"]
        waiting = manager.wait.remote("a", JOB)
        assert ray.wait([waiting], timeout=0.2)[0] == []
        failed = BuildOutcome(error=f"ValueError: {failure}", final=final)
        ray.get(manager.release.remote(["a"], "one", failed))
    assert failed.error == f"ValueError: {0 if final else 2}"
    assert ray.get(waiting) == failed, "waiters get it"
    assert ray.get(two.acquire.remote("a", "b")) == ["b"]
    assert ray.get(manager.wait.remote("a", JOB)) == failed, "and so do later ones"
    another = Holder("three", "another job")
    assert ray.get(manager.wait.remote("a", "another job")) is None
    assert ray.get(manager.acquire.remote(["a"], "work", another)) == ["a"]


def test_a_holder_cannot_release_its_successors_lock(manager: Any) -> None:
    two = Builder.remote("two", manager)
    assert ray.get(two.acquire.remote("a")) == ["a"]
    ray.get(
        manager.release.remote(
            ["a"], "one", BuildOutcome(error="ValueError: of one taken for dead")
        )
    )
    assert ray.get(manager.status.remote(JOB)).running == {"work": 1}


@pytest.mark.parametrize("gently", [False, True])
def test_a_dead_holders_locks_are_released(manager: Any, gently: bool) -> None:
    one, two = Builder.remote("one", manager), Builder.remote("two", manager)
    ray.get(one.acquire.remote("a", "b"))
    ray.get(two.acquire.remote("c"))
    waiting = manager.wait.remote("b", JOB)
    if gently:
        ray.kill(one)
    else:
        os.kill(ray.get(one.process.remote()), signal.SIGKILL)
    assert ray.get(waiting) is None, "its death is no error of the stage"
    assert ray.get(two.acquire.remote("a", "b", "c")) == ["a", "b"]


def test_a_holder_may_acquire_again_after_it_was_idle(manager: Any) -> None:
    """Its death is noticed the second time too."""
    one = Builder.remote("one", manager)
    for _ in range(2):
        assert ray.get(one.acquire.remote("a")) == ["a"]
        ray.get(manager.release.remote(["a"], "one", MADE))
    assert ray.get(one.acquire.remote("a")) == ["a"]
    ray.kill(one)
    until("the end of its lock", lambda: ray.get(manager.status.remote(JOB)).running == {})


def test_overlapping_sets_of_keys_are_built_once_without_deadlock(manager: Any) -> None:
    registry = Published.options(name="published").remote()
    builders = [Builder.remote(str(i), manager) for i in range(3)]
    wanted = [["a", "b", "c"], ["c", "a", "d"], ["d", "b", "a"]]
    made = ray.get(
        [builder.make_all.remote(keys) for builder, keys in zip(builders, wanted, strict=True)]
    )
    assert sorted(ray.get(registry.keys.remote())) == ["a", "b", "c", "d"]
    assert sorted(sum(made, [])) == ["a", "b", "c", "d"]


def test_a_cluster_has_one_lock_manager() -> None:
    from raydoa.on_ray.locks import start_locks

    again = start_locks()
    assert again._actor_id == find_locks()._actor_id
