"""Locks between processes: who gets one, who waits, and what a holder's death does."""

import errno
import fcntl
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from raydoa.errors import UserError
from raydoa.pipeline.builder import BuildOutcome
from raydoa.pipeline.file_locks import FileLocks
from raydoa.store.key import Stage
from raydoa.store.lock_file import acquire, is_held, wait_until_free
from raydoa.store.store import Store

MADE = BuildOutcome(made=True)

_HOLD = """
import sys
from pathlib import Path
from raydoa.store.lock_file import acquire
locks = [acquire(Path(path).parent, Path(path).name) for path in sys.argv[1:]]
print(all(locks), flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Named(Stage):
    kind: ClassVar[str] = "named"
    role: ClassVar[str] = "task"
    version: ClassVar[int] = 1
    name: str


A, B, C, D = map(Named, "abcd")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"), cache_dir=tmp_path / "cache")


@contextmanager
def other_process(*paths: Path) -> Iterator["subprocess.Popen[str]"]:
    """Holds locks until it is killed, or its input ends."""
    command = [sys.executable, "-c", _HOLD, *map(str, paths)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "True\n"
        yield process
        process.kill()


def test_a_key_is_locked_by_one_holder_at_a_time(store: Store) -> None:
    one, two = FileLocks(store), FileLocks(store)
    assert one.acquire([A, B]) == [A, B]
    assert two.acquire([B, C]) == [C]
    assert one.acquire([A, C]) == []
    one.release([A, B], MADE)
    assert two.acquire([A, B]) == [A, B]


@pytest.mark.parametrize("end", ["killed", "ended"])
def test_waiters_continue_when_another_process_is_gone(store: Store, end: str) -> None:
    ours = FileLocks(store)
    with other_process(ours.path(A.key), ours.path(B.key)) as process:
        assert ours.acquire([A, B, C]) == [C]
        with ThreadPoolExecutor(2) as beside:
            waiting = [beside.submit(ours.wait, stage) for stage in (A, B)]
            assert not any(wait.done() for wait in waiting) and is_held(ours.path(A.key))
            if end == "killed":
                process.kill()
            else:
                process.communicate("")
            assert [wait.result(timeout=60) for wait in waiting] == [None, None]
    assert ours.acquire([A, B]) == [A, B]


def test_what_nobody_holds_is_not_waited_for(store: Store) -> None:
    ours = FileLocks(store)
    ours.acquire([A])
    ours.release([A], MADE)
    assert ours.wait(A) is None and ours.wait(B) is None


def test_released_locks_leave_no_files(store: Store) -> None:
    ours = FileLocks(store)
    ours.release(ours.acquire([A, B]), MADE)
    assert [path for path in Path(store.url).rglob("*") if path.is_file()] == []


def test_a_lock_that_is_gone_is_not_taken_from_its_next_holder(store: Store) -> None:
    """As when the store was removed while something was built."""
    first, second, third = (FileLocks(store) for _ in range(3))
    assert first.acquire([A]) == [A]
    shutil.rmtree(store.url)
    assert second.acquire([A]) == [A]
    first.release([A], MADE)
    assert third.acquire([A]) == [] and is_held(third.path(A.key))


def test_none_is_kept_where_one_cannot_be_had(store: Store) -> None:
    locks, other = FileLocks(store), FileLocks(store)
    locks.path(B.key).mkdir(parents=True)
    with pytest.raises(UserError, match="remove it"):
        locks.acquire([A, B])
    assert other.acquire([A]) == [A]


def test_there_is_never_a_second_holder(tmp_path: Path) -> None:
    """Files are made and removed all the time, which is where two could lock one each."""
    holders, most, taken = [0], [0], [0]

    def take(_: int) -> None:
        for _ in range(300):
            lock = acquire(tmp_path, "lock")
            if lock is None:
                wait_until_free(tmp_path / "lock")
                continue
            holders[0] += 1
            most[0], taken[0] = max(most[0], holders[0]), taken[0] + 1
            os.sched_yield()
            holders[0] -= 1
            lock.release()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, range(8)))
    assert most == [1] and taken[0] >= 300


def test_overlapping_sets_of_keys_are_built_once_without_deadlock(store: Store) -> None:
    built: list[str] = []
    begin = threading.Barrier(3)

    def make_all(wanted: list[Named]) -> None:
        locks = FileLocks(store)
        begin.wait()
        while missing := [stage for stage in wanted if stage.name not in built]:
            ours = locks.acquire(missing)
            built.extend(stage.name for stage in ours if stage.name not in built)
            locks.release(ours, MADE)
            for stage in missing:
                locks.wait(stage)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(make_all, [[A, B, C], [C, A, D], [D, B, A]]))
    assert sorted(built) == ["a", "b", "c", "d"]


def test_no_more_are_locked_at_once_than_a_process_may_have_files(store: Store) -> None:
    stages = [Named(str(number)) for number in range(600)]
    locks = FileLocks(store)
    granted = locks.acquire(stages)
    assert granted == stages[:256]
    locks.release(granted, MADE)


def test_of_a_store_behind_a_url_they_lie_in_the_cache(tmp_path: Path) -> None:
    locks = [FileLocks(Store(f"memory://{n}", cache_dir=tmp_path)) for n in ("a", "a", "b")]
    assert [each.acquire([A]) for each in locks] == [[A], [], [A]]
    assert locks[0].path(A.key).is_relative_to(tmp_path)


def test_where_a_file_system_has_no_locks(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    flock, in_store = fcntl.flock, Path(store.url)

    def refuse(descriptor: int, how: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().is_relative_to(in_store):
            raise OSError(errno.ENOLCK, "No locks available")
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", refuse)
    one, two = FileLocks(store), FileLocks(store)
    assert one.acquire([A]) == [A] and two.acquire([A]) == []
    assert one.path(A.key).is_relative_to(store.cache_dir)
    assert (
        f"{store.url}: its file system has no locks; only processes of this machine" in caplog.text
    )


@pytest.mark.parametrize("what", ["link", "folder", "pipe"])
def test_something_else_where_a_lock_belongs(store: Store, tmp_path: Path, what: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    locks = FileLocks(store)
    path = locks.path(A.key)
    path.parent.mkdir(parents=True)
    if what == "link":
        path.symlink_to(victim)
    elif what == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    if what == "pipe":  # Which is as good as a file.
        locks.release(locks.acquire([A]), MADE)
    else:
        with pytest.raises(UserError, match="found no lock's file but something else; remove it"):
            locks.acquire([A])
    assert victim.read_text() == "mine"


def test_a_folder_of_locks_that_is_a_link(store: Store, tmp_path: Path) -> None:
    """Nothing is made or removed where it leads."""
    victim = tmp_path / "victim"
    victim.mkdir()
    Path(store.url).mkdir()
    (Path(store.url) / "locks").symlink_to(victim)
    with pytest.raises(UserError, match="locks: a symbolic link is where a folder is needed"):
        FileLocks(store).acquire([A])
    assert list(victim.iterdir()) == []
