"""Scratch folders: those of killed processes are swept by the next one, and nobody else's."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from raydoa.pipeline import scratch
from raydoa.pipeline.scratch import scratch_folder

_MAKER = """
import sys, time
from raydoa.pipeline.scratch import folder_of_process, scratch_folder
with scratch_folder() as folder:
    (folder / "half").write_bytes(bytes(100))
    folder_of_process()
    print("made", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of temporary files of our own, in which this process has made nothing yet."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    scratch._sweep.cache_clear()
    yield tmp_path
    scratch._sweep.cache_clear()


def start_maker(place: Path) -> "subprocess.Popen[str]":
    maker = subprocess.Popen(
        [sys.executable, "-c", _MAKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(place)},
    )
    assert maker.stdout is not None and maker.stdout.readline() == "made\n"
    return maker


def end(maker: "subprocess.Popen[str]", kill: signal.Signals | None = None) -> None:
    if kill is not None:
        maker.send_signal(kill)
    maker.communicate()


def test_what_a_killed_process_left_is_swept_and_what_lives_stays(place: Path) -> None:
    killed, living = start_maker(place), start_maker(place)
    assert len(list(place.iterdir())) == 4
    end(killed, signal.SIGKILL)
    assert len(list(place.iterdir())) == 4
    with scratch_folder() as ours:
        assert len(list(place.iterdir())) == 3, "two of the living process, and ours"
        assert ours.is_dir()
    assert len(list(place.iterdir())) == 2
    assert sum(path.name == "half" for path in place.rglob("*")) == 1
    end(living)
    assert not list(place.iterdir()), "who ends by itself leaves nothing"


def test_only_our_own_folders_are_swept(
    place: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "precious").touch()
    (place / f"{scratch._PREFIX}link").symlink_to(elsewhere)
    (place / f"{scratch._PREFIX}file").touch()
    other_machine = place / "raydoa-scratch-00000000-abc"
    for name in ("raydoa-results", "raydoa-scratch", other_machine.name):
        (place / name).mkdir()
    (place / f"{scratch._PREFIX}left").mkdir()
    with scratch_folder():
        pass
    assert sorted(path.name for path in place.iterdir()) == sorted(
        [
            f"{scratch._PREFIX}link",
            f"{scratch._PREFIX}file",
            "raydoa-results",
            "raydoa-scratch",
            other_machine.name,
        ]
    )
    assert [path.name for path in elsewhere.iterdir()] == ["precious"]


def test_another_users_folder_stays(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = place / f"{scratch._PREFIX}theirs"
    left.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: left.stat().st_uid + 1)
    with scratch_folder():
        assert left.is_dir()


def test_a_folder_that_is_swept_before_it_is_locked_is_made_again(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, make = [], tempfile.mkdtemp

    def lose_two(**arguments: str) -> str:
        folder = make(**arguments)
        if len(lost) < 2:
            lost.append(folder)
            Path(folder).rmdir()
        return folder

    monkeypatch.setattr(tempfile, "mkdtemp", lose_two)
    with scratch_folder() as folder:
        assert folder.is_dir() and str(folder) not in lost


def test_a_file_system_without_locks_has_scratch_folders_too(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing on it is swept: whether its maker lives cannot be known."""

    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    left = place / f"{scratch._PREFIX}left"
    left.mkdir()
    monkeypatch.setattr(scratch.fcntl, "flock", refuse)
    with scratch_folder() as folder:
        assert folder.is_dir() and left.is_dir()
    assert not folder.exists()
