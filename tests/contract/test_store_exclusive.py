"""Of many who create one file, exactly one does; where nobody can decide that, it is refused."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest

from raydoa.errors import UserError
from raydoa.store.layout import open_storage
from raydoa.store.local_storage import LocalStorage
from raydoa.store.remote_storage import RemoteStorage
from raydoa.store.storage import OddEntry

PROGRAM = """
import sys
from raydoa.store.layout import open_storage
place = open_storage(sys.argv[1])
print(sum(place.create(f"race/{n}", f"{sys.argv[2]} {n}".encode()) for n in range(int(sys.argv[3]))))
"""


def test_what_is_there_stays(url: str) -> None:
    place = open_storage(url)
    assert place.create("a/b/1", b"first")
    assert not place.create("a/b/1", b"second")
    assert place.read("a/b/1") == b"first"
    place.write("a/b/2", b"written")
    assert not place.create("a/b/2", b"created")
    assert place.read("a/b/2") == b"written"
    assert set(place.listing("a")) == {"a/b/1", "a/b/2"}  # Nothing of an attempt is left.
    with pytest.raises(OddEntry, match="not a path inside it"):
        place.create("../out", b"")


def test_of_threads_one_is_first(url: str) -> None:
    places = [open_storage(url) for _ in range(4)]
    names = [f"race/{n}" for n in range(12)]
    tries = [(place, who, name) for name in names for who, place in enumerate(places)]
    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(lambda t: t[0].create(t[2], f"{t[1]}".encode()), tries))
    for name in names:
        winners = [
            who for (_, who, at), first in zip(tries, won, strict=True) if first and at == name
        ]
        assert [f"{who}".encode() for who in winners] == [places[0].read(name)]


def test_of_processes_one_is_first(shared_url: str) -> None:
    root = str(Path(__file__).parents[2])
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, shared_url, str(who), "40"],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": root},
        )
        for who in range(3)
    ]
    assert sum(int(process.communicate(timeout=120)[0]) for process in started) == 40
    place = open_storage(shared_url)
    assert {place.read(f"race/{n}").split()[1] for n in range(40)} == {
        f"{n}".encode() for n in range(40)
    }


def test_no_reader_sees_half_of_one(url: str) -> None:
    place, whole = open_storage(url), b"x" * 1_000_000
    seen: set[int] = set()

    def read(name: str) -> None:
        while True:
            try:
                seen.add(len(place.read(name)))
                return
            except FileNotFoundError:
                continue

    with ThreadPoolExecutor(4) as pool:
        for n in range(8):
            reader = pool.submit(read, f"big/{n}")
            assert place.create(f"big/{n}", whole)
            reader.result(60)
    assert seen == {len(whole)}


def test_a_request_whose_answer_was_lost_is_ours(
    s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that hears nothing asks again, and is told that the object is there: it is its own."""
    place = RemoteStorage(f"s3://{s3_bucket}/lost")
    files, pipe = place._files, place._files.pipe_file
    place.create("warm", b"")

    def twice(path: str, content: bytes, **options: Any) -> None:
        pipe(path, content, **options)
        pipe(path, content, **options)

    monkeypatch.setattr(files, "pipe_file", twice)
    assert place.create("x", b"mine")
    monkeypatch.undo()
    assert not place.create("x", b"another's")


def test_a_link_that_was_made_and_not_told_is_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As over NFS, where the request is repeated."""
    place, link = LocalStorage(tmp_path), os.link

    def twice(*arguments: Any, **options: Any) -> None:
        link(*arguments, **options)
        link(*arguments, **options)

    monkeypatch.setattr(os, "link", twice)
    assert place.create("x", b"mine")
    assert not place.create("x", b"another's")
    assert place.read("x") == b"mine"


def test_an_endpoint_that_ignores_the_condition_is_refused(
    s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = RemoteStorage(f"s3://{s3_bucket}/ignorant")
    pipe = place._files.pipe_file
    monkeypatch.setattr(
        place._files, "pipe_file", lambda path, content, mode="overwrite": pipe(path, content)
    )
    with pytest.raises(
        UserError, match=r"ignorant: this endpoint ignores the condition `If-None-Match"
    ):
        place.create("x", b"")
    assert not place.listing("x") and not list(place._files.find(place._root))


def test_a_conflict_is_asked_again(s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import ClientError
    from s3fs.errors import translate_boto_error

    place = RemoteStorage(f"s3://{s3_bucket}/conflict")
    place.create("warm", b"")
    pipe, said = place._files.pipe_file, ["ConditionalRequestConflict", "PreconditionFailed"]

    def busy(path: str, content: bytes, mode: str) -> None:
        if said:
            # MinIO, for one, does not say which condition failed.
            raise translate_boto_error(
                ClientError({"Error": {"Code": said.pop(0), "Message": ""}}, "PutObject")
            )
        pipe(path, content, mode=mode)

    monkeypatch.setattr(place._files, "pipe_file", busy)
    pipe(f"{place._root}/x", b"another's")
    assert not place.create("x", b"mine") and not said
    assert place.create("y", b"mine")


def test_where_nobody_decides_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = RemoteStorage(f"file://{tmp_path}")
    assert isinstance(place._files, fsspec.get_filesystem_class("file"))
    with pytest.raises(
        UserError, match=r"file:// cannot tell who of two was first.*s3:// or gs://"
    ):
        place.create("x", b"")

    def none(*arguments: Any, **options: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", none)
    with pytest.raises(UserError, match="has no hard links"):
        LocalStorage(tmp_path).create("x", b"")
    assert not list(tmp_path.iterdir())


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("secret")
    place = LocalStorage(tmp_path / "store")
    place.write("a/other", b"")
    (tmp_path / "store" / "a" / "1").symlink_to(tmp_path / "victim")
    (tmp_path / "store" / "a" / "2").symlink_to(tmp_path / "new")
    (tmp_path / "store" / "b").symlink_to(tmp_path)
    assert not place.create("a/1", b"x") and not place.create("a/2", b"x")
    with pytest.raises(OddEntry, match="a symbolic link"):
        place.create("b/new", b"x")
    for path in ("a/2", "b/new"):
        with pytest.raises(UserError):
            place.appended(path)
    assert (tmp_path / "victim").read_text() == "secret" and not (tmp_path / "new").exists()
