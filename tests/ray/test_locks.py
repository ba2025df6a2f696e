"""One maker per key, with real actors: who waits, who is told, and what a maker's death does."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import ray

from raydoa.on_ray.locks import Claims, Holder, LockEnd, Status, find_locks
from raydoa.pipeline.builder import Outcome
from tests.ray.watching import until

JOB = "a job"
MADE = Outcome(made=True)

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("two_cpus")]


@ray.remote(num_cpus=0)
class Maker:
    """A trial as `Claims` sees one: an actor that claims, is busy, and may die."""

    def __init__(self, name: str, claims: Any) -> None:
        self._name = name
        self._claims = claims

    def claim(self, *keys: str) -> list[str]:
        me = Holder(self._name, JOB, (ray.get_runtime_context().current_actor,))
        granted: list[str] = ray.get(self._claims.claim.remote(keys, "work", me))
        return granted

    def process(self) -> int:
        return os.getpid()

    def make_all(self, keys: list[str]) -> list[str]:
        """What the builder does: claim what is free, make it, wait for the rest, look again."""
        made: list[str] = []
        while set(keys) - _published():
            missing = [key for key in keys if key not in _published()]
            ours = [key for key in self.claim(*missing) if key not in _published()]
            for key in ours:
                ray.get(_shelf().put.remote(key))
            ray.get(self._claims.release.remote(missing and ours, self._name, MADE))
            made += ours
            for key in missing:
                ray.get(self._claims.wait.remote(key, JOB))
        return made


@ray.remote(num_cpus=0)
class Shelf:
    """What has been made, in order."""

    def __init__(self) -> None:
        self._keys: list[str] = []

    def put(self, key: str) -> None:
        self._keys.append(key)

    def keys(self) -> list[str]:
        return self._keys


def _shelf() -> Any:
    return ray.get_actor("shelf")


def _published() -> set[str]:
    return set(ray.get(_shelf().keys.remote()))


@pytest.fixture
def claims() -> Iterator[Any]:
    """Claims of this test alone."""
    handle = ray.remote(num_cpus=0, max_concurrency=1000)(Claims).remote()
    yield handle
    ray.kill(handle)


def test_a_key_has_one_maker_at_a_time(claims: Any) -> None:
    one, two = Maker.remote("one", claims), Maker.remote("two", claims)
    assert ray.get(one.claim.remote("a", "b")) == ["a", "b"]
    assert ray.get(two.claim.remote("b", "c")) == ["c"]
    assert ray.get(one.claim.remote("a", "c")) == []
    status: Status = ray.get(claims.status.remote(JOB))
    assert status.running == {"work": 3}
    ray.get(claims.release.remote(["a", "b"], "one", MADE))
    assert ray.get(two.claim.remote("a", "b")) == ["a", "b"]
    status = ray.get(claims.status.remote(JOB, 0))
    assert [(label, key) for label, key, _ in status.made] == [("work", "a"), ("work", "b")]


def test_those_who_wait_go_on_when_it_is_made(claims: Any) -> None:
    maker = Maker.remote("one", claims)
    ray.get(maker.claim.remote("a"))
    waiting = [claims.wait.remote("a", JOB) for _ in range(3)]
    assert ray.wait(waiting, timeout=0.5)[0] == []
    ray.get(claims.release.remote(["a"], "one", MADE))
    assert ray.get(waiting) == [LockEnd()] * 3
    assert ray.get(claims.wait.remote("a", JOB)) == LockEnd(), (
        "nobody makes it: nothing to wait for"
    )


def test_those_who_wait_for_one_that_fails_may_try(claims: Any) -> None:
    """It may have been stopped, or its machine lost."""
    one, two = Maker.remote("one", claims), Maker.remote("two", claims)
    ray.get(one.claim.remote("a"))
    waiting = claims.wait.remote("a", JOB)
    assert ray.wait([waiting], timeout=0.5)[0] == []
    ray.get(claims.release.remote(["a"], "one", Outcome(error="ValueError: no")))
    assert ray.get(waiting) == LockEnd()
    assert ray.get(two.claim.remote("a")) == ["a"]
    assert ray.get(claims.status.remote(JOB, 0)).made == []


@pytest.mark.parametrize("final", [False, True])
def test_what_failed_for_good_is_not_granted_to_that_job_again(claims: Any, final: bool) -> None:
    one, two = Maker.remote("one", claims), Maker.remote("two", claims)
    for failure in range(1 if final else 3):
        assert ray.get(one.claim.remote("a")) == ["a"]
        waiting = claims.wait.remote("a", JOB)
        assert ray.wait([waiting], timeout=0.2)[0] == []
        ray.get(
            claims.release.remote(
                ["a"], "one", Outcome(error=f"ValueError: {failure}", final=final)
            )
        )
    assert ray.get(waiting) == LockEnd(f"ValueError: {0 if final else 2}"), "told to those who wait"
    assert ray.get(two.claim.remote("a", "b")) == ["b"]
    told = ray.get(claims.wait.remote("a", JOB))
    assert told == LockEnd(f"ValueError: {0 if final else 2}"), "and to those who come later"
    another = Holder("three", "another job")
    assert ray.get(claims.wait.remote("a", "another job")) == LockEnd()
    assert ray.get(claims.claim.remote(["a"], "work", another)) == ["a"]


def test_a_maker_cannot_end_the_claim_of_its_successor(claims: Any) -> None:
    two = Maker.remote("two", claims)
    assert ray.get(two.claim.remote("a")) == ["a"]
    ray.get(claims.release.remote(["a"], "one", Outcome(error="ValueError: of one taken for dead")))
    assert ray.get(claims.status.remote(JOB)).running == {"work": 1}


@pytest.mark.parametrize("gently", [False, True])
def test_the_claims_of_a_dead_maker_are_free(claims: Any, gently: bool) -> None:
    one, two = Maker.remote("one", claims), Maker.remote("two", claims)
    ray.get(one.claim.remote("a", "b"))
    ray.get(two.claim.remote("c"))
    waiting = claims.wait.remote("b", JOB)
    if gently:
        ray.kill(one)
    else:
        os.kill(ray.get(one.process.remote()), signal.SIGKILL)
    assert ray.get(waiting) == LockEnd(), "its death is no error of the stage"
    assert ray.get(two.claim.remote("a", "b", "c")) == ["a", "b"]


def test_a_maker_may_claim_again_after_it_was_idle(claims: Any) -> None:
    """Its death is noticed the second time too."""
    one = Maker.remote("one", claims)
    for _ in range(2):
        assert ray.get(one.claim.remote("a")) == ["a"]
        ray.get(claims.release.remote(["a"], "one", MADE))
    assert ray.get(one.claim.remote("a")) == ["a"]
    ray.kill(one)
    until("its claim's end", lambda: ray.get(claims.status.remote(JOB)).running == {})


def test_overlapping_sets_of_keys_are_made_once_and_without_a_circle(claims: Any) -> None:
    shelf = Shelf.options(name="shelf").remote()
    makers = [Maker.remote(str(i), claims) for i in range(3)]
    wanted = [["a", "b", "c"], ["c", "a", "d"], ["d", "b", "a"]]
    made = ray.get(
        [maker.make_all.remote(keys) for maker, keys in zip(makers, wanted, strict=True)]
    )
    assert sorted(ray.get(shelf.keys.remote())) == ["a", "b", "c", "d"]
    assert sorted(sum(made, [])) == ["a", "b", "c", "d"]


def test_a_cluster_has_one_claims_actor_by_name() -> None:
    from raydoa.on_ray.locks import start_locks

    again = start_locks()
    assert again._actor_id == find_locks()._actor_id
