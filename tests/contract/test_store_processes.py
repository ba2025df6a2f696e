"""What a store promises when several processes use it, and when they are killed.

This file is also the program that those processes run: ``python THIS_FILE ROLE URL ...``.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import pytest

from raydoa.store.key import Stage
from raydoa.store.record import Record
from raydoa.store.store import MissingArtifact, Store

PARTS = 4
WRITERS = 4


@dataclass(frozen=True)
class Made(Stage):
    kind: ClassVar[str] = "made"
    version: ClassVar[int] = 1
    number: int


def make(folder: Path, author: str, parts: int = PARTS, size: int = 20_000) -> None:
    """Write files that tell who wrote them, so that a mixture of two makers shows."""
    for part in range(parts):
        (folder / f"{part}.txt").write_text(f"{author}\n" * (size // len(author)))


def author_of(folder: Path, record: Record) -> str:
    authors = {line for name in record.files for line in (folder / name).read_text().split()}
    assert len(authors) == 1, f"files of several makers: {authors}"
    assert record.facts["author"] == next(iter(authors))
    return authors.pop()


# The processes


def write(url: str, author: str, number: str, parts: str) -> None:
    with TemporaryDirectory() as folder:
        make(Path(folder), author, int(parts))
        Store(url).publish(Made(int(number)), Path(folder), {"author": author}, {})


def rewrite(url: str, author: str, seconds: str) -> None:
    """Drop the artifact and publish it again, until the time is over."""
    until = time.monotonic() + float(seconds)
    with TemporaryDirectory() as folder:
        make(Path(folder), author)
        while time.monotonic() < until:
            Store(url).drop(Made(0).key)
            Store(url).publish(Made(0), Path(folder), {"author": author}, {})


def read(url: str, cache: str, seconds: str) -> None:
    """Read the artifact until the time is over, and once at least; it may be missing, but never damaged or mixed."""
    until = time.monotonic() + float(seconds)
    found = 0
    while time.monotonic() < until or not found:
        store = Store(url, cache_dir=Path(cache))
        record = store.find(Made(0).key)
        try:
            folder = store.fetch(Made(0).key)
            if record == store.find(Made(0).key) and record is not None:
                author_of(folder, record)
                found += 1
        except (MissingArtifact, FileNotFoundError):  # dropped, before or after it was checked
            continue
    sys.stdout.write(json.dumps(found))


def crash(url: str) -> None:
    """Publish in children that are killed at each point where something becomes durable or visible.

    Forks without threads (hence in a program of its own); local stores only.
    """
    with TemporaryDirectory() as folder:
        make(Path(folder), "author")
        point = 0
        while True:
            point += 1
            child = os.fork()
            if child == 0:
                kill_at(point)
                Store(url).publish(Made(0), Path(folder), {"author": "author"}, {})
                os._exit(0)
            _, status = os.waitpid(child, 0)
            store = Store(url)
            record = store.find(Made(0).key)
            if record is not None:
                author_of(store.fetch(record.key), record)
            assert all(damage is None for _, damage in store.verify())
            if not os.WIFSIGNALED(status):
                break
            store.drop(Made(0).key)
    assert record is not None
    store.collect(older_than_seconds=0)
    author_of(store.fetch(record.key), record)
    sys.stdout.write(json.dumps(point))


def kill_at(point: int) -> None:
    """Kill this process at its ``point``-th step: just before or after an fsync or a replace."""
    left = [point]

    def counted(call):
        def wrapped(*arguments, **options):
            for after in (False, True):
                if after:
                    call(*arguments, **options)
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        return wrapped

    os.fsync = counted(os.fsync)
    os.replace = counted(os.replace)


# The tests


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, __file__, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )


def finished(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return output


@contextmanager
def ended(processes: list[subprocess.Popen[str]]) -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


def test_many_writers_and_readers_of_one_key(shared_url: str, tmp_path: Path) -> None:
    readers = [started("read", shared_url, str(tmp_path / "cache"), "6") for _ in range(2)]
    writers = [started("write", shared_url, f"w{n}", "0", str(PARTS)) for n in range(WRITERS)]
    with ended(readers + writers):
        for writer in writers:
            finished(writer)
        assert all(json.loads(finished(reader)) > 0 for reader in readers)
    store = Store(shared_url, cache_dir=tmp_path / "cache")
    record = store.find(Made(0).key)
    assert record is not None
    author_of(store.fetch(record.key), record)
    store.collect(older_than_seconds=0)
    assert {path.rpartition("/")[0] for path in store.place.listing("data")} == {record.folder}
    assert list(store.verify()) == [(record.key, None)]


def test_readers_while_an_artifact_is_dropped_and_made_again(
    shared_url: str, tmp_path: Path
) -> None:
    processes = [
        started("rewrite", shared_url, "w0", "5"),
        *(started("read", shared_url, str(tmp_path / f"cache{n}"), "6") for n in range(2)),
    ]
    with ended(processes):
        outputs = [finished(process) for process in processes]
    assert all(json.loads(output) > 0 for output in outputs[1:])


def test_writers_of_different_keys(shared_url: str, tmp_path: Path) -> None:
    writers = [started("write", shared_url, f"w{n}", str(n), "2") for n in range(WRITERS)]
    with ended(writers):
        for writer in writers:
            finished(writer)
    store = Store(shared_url, cache_dir=tmp_path / "cache")
    for number in range(WRITERS):
        record = store.find(Made(number).key)
        assert record is not None
        assert author_of(store.fetch(record.key), record) == f"w{number}"


def test_kill_in_the_middle_of_a_publication(shared_url: str, tmp_path: Path) -> None:
    store = Store(shared_url, cache_dir=tmp_path / "cache")
    finished(started("write", shared_url, "earlier", "1", "2"))
    writer = started("write", shared_url, "killed", "0", "2000")
    with ended([writer]):
        until = time.monotonic() + 60
        while len(store.place.listing(f"data/{Made(0).key[:2]}/{Made(0).key}")) < 5:
            assert writer.poll() is None and time.monotonic() < until
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert store.find(Made(0).key) is None
    with pytest.raises(MissingArtifact):
        store.fetch(Made(0).key)
    assert list(store.verify()) == [(Made(1).key, None)]
    assert store.collect() == []  # it is young: its maker might be alive
    finished(started("write", shared_url, "next", "0", "2"))
    record = store.find(Made(0).key)
    assert record is not None
    removed = store.collect(older_than_seconds=0)
    assert [garbage.what for garbage in removed] == ["attempt"] and removed[0].bytes > 0
    assert author_of(store.fetch(record.key), record) == "next"
    assert {key for key, damage in store.verify() if damage is None} == {
        Made(0).key,
        Made(1).key,
    }


def test_kill_at_every_step_of_a_publication(tmp_path: Path) -> None:
    points = json.loads(finished(started("crash", str(tmp_path / "store"))))
    assert points > 20  # every file, folder, mark and record, before and after


if __name__ == "__main__":
    {"write": write, "rewrite": rewrite, "read": read, "crash": crash}[sys.argv[1]](*sys.argv[2:])
