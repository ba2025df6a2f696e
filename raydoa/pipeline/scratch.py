"""Scratch folders: where something is made before it is published, on this machine's disk of temporary files.

A maker holds a lock on its folder for as long as it is in use. The kernel drops that lock however the process ends, so
a folder of our form whose lock is free is one that a killed process has left; whoever makes the first scratch folder of
a process sweeps those away. The name holds the machine's: on a temporary folder that several machines share, a lock of
one may be unknown to the others.

The lock is on the folder itself and not on a file of `raydoa.store.lock_file`: in the folder, such a file would be
among what is made, and beside it, be left behind as well. Nor does anybody wait for it, or need it: where there are no
locks, nothing is swept.
"""

import atexit
import fcntl
import hashlib
import logging
import os
import platform
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

from raydoa.store.storage import room_for

logger = logging.getLogger(__name__)

_PREFIX = f"raydoa-scratch-{hashlib.sha256(platform.node().encode()).hexdigest()[:8]}-"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder to make something in; it is gone afterwards.

    Raises:
        UserError: the disk of temporary files is full.
    """
    place = tempfile.gettempdir()
    with room_for("what is being made", f"{place} (TMPDIR)"):
        _sweep(place)
        folder, lock = _locked_folder(place)
        try:
            yield folder
        finally:
            # What cannot be removed now is left to the next process's sweep.
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


@cache
def folder_of_process() -> Path:
    """A scratch folder that lasts as long as this process."""
    stack = ExitStack()
    folder = stack.enter_context(scratch_folder())
    atexit.register(stack.close)
    return folder


def _locked_folder(place: str) -> tuple[Path, int]:
    """A new folder, and the open file that holds its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
        with suppress(FileNotFoundError):
            opened = _opened(folder)
            # On a file system without locks there are none to be had for a sweep either.
            with suppress(OSError):
                fcntl.flock(opened, fcntl.LOCK_EX)
            # Before the lock, another process's sweep may have taken it for one that was left.
            if folder.exists():
                return folder, opened
            os.close(opened)


@cache
def _sweep(place: str) -> None:
    """Remove the scratch folders in ``place`` of processes of this user, on this machine, that are dead."""
    with os.scandir(place) as entries:
        ours = [Path(entry.path) for entry in entries if entry.name.startswith(_PREFIX)]
    for folder in ours:
        with suppress(FileNotFoundError):  # Somebody else sweeps, too.
            facts = folder.lstat()
            if stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid():
                _remove_if_left(folder)


def _remove_if_left(folder: Path) -> None:
    opened = _opened(folder)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # Its maker lives, or the file system has no locks.
        return
    else:
        logger.info("%s: left by a process that was killed; removed", folder)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(opened)


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
