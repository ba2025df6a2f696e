"""From a folder down to what lies in it, never through a symbolic link.

Whoever can write a folder can make links in it at any moment. So a path is opened a part at a time, each by its name
in the descriptor of the one before: what becomes a link in between is refused too, and what is changed is what
was looked at. Only the folder where it begins may be a link: that is the user's own choice.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from raydoa.store.storage import Listed, OddEntry, check_path, mendable

_NOT_OPENED = (errno.ELOOP, errno.ENOTDIR, errno.ENXIO)
"""How opening a symbolic link, a file as a folder, or a socket fails."""

_DEEPEST = 32
"""Folders in each other that a walk goes down: ours are a handful, and enough of them end the process."""


class Descent:
    """The ways down from ``root``; with ``follow_links``, through links too.

    Every method raises FileNotFoundError where something is missing, `OddEntry` where it is not what it should be,
    and `UserError` where a person has to mend something.
    """

    def __init__(self, root: Path, *, follow_links: bool) -> None:
        self.root = root
        self._no_follow = 0 if follow_links else os.O_NOFOLLOW

    @contextmanager
    def file(self, path: str) -> Iterator[BinaryIO]:
        """Open a plain file to read it."""
        with self.parents(path) as (folders, name):
            # Without O_NONBLOCK, opening a pipe waits for somebody to write into it.
            handle = self._open(name, os.O_RDONLY | os.O_NONBLOCK, folders[-1], path, "file")
            there = os.fstat(handle)
            if not stat.S_ISREG(there.st_mode):
                os.close(handle)
                raise self._odd(path, there, "file")
            with os.fdopen(handle, "rb") as stream:
                yield stream

    @contextmanager
    def parents(self, path: str, *, make: bool = False) -> Iterator[tuple[Sequence[int], str]]:
        """Open the folders above ``path``, as `folders` does; yields them with its last part."""
        check_path(path, str(self.root))
        *parts, name = path.split("/")
        with self._opened(parts, make=make) as opened:
            yield opened, name

    @contextmanager
    def folders(self, folder: str, *, make: bool = False) -> Iterator[Sequence[int]]:
        """Open the root and then each part of ``folder`` in the one before; yields their descriptors, the root's first."""
        check_path(folder, str(self.root))
        with self._opened(folder.split("/"), make=make) as opened:
            yield opened

    @contextmanager
    def _opened(self, parts: Sequence[str], *, make: bool) -> Iterator[Sequence[int]]:
        with mendable(str(self.root)), ExitStack() as stack:
            if make:
                with suppress(FileExistsError):  # a file, which is told when it is opened
                    self.root.mkdir(parents=True, exist_ok=True)
            opened = [os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)]
            stack.callback(os.close, opened[0])
            for depth, part in enumerate(parts, 1):
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=opened[-1])
                opened.append(self._open_folder(part, opened[-1], "/".join(parts[:depth])))
                stack.callback(os.close, opened[-1])
            yield opened

    def _open_folder(self, name: str, parent: int, path: str) -> int:
        return self._open(name, os.O_RDONLY | os.O_DIRECTORY, parent, path, "folder")

    def _open(self, name: str, flags: int, parent: int, path: str, wanted: str) -> int:
        """Open ``name`` in the folder ``parent``; ``path`` is where that lies, for errors."""
        try:
            return os.open(name, flags | self._no_follow, dir_fd=parent)
        except OSError as error:
            if error.errno not in _NOT_OPENED:
                raise
            there = os.stat(name, dir_fd=parent, follow_symlinks=False)
            raise self._odd(path, there, wanted) from error

    def _odd(self, path: str, there: os.stat_result, wanted: str) -> OddEntry:
        return OddEntry(str(self.root), path, f"{_kind(there)} is where a {wanted} is needed")

    def walk(self, handle: int, folder: str) -> Iterator[tuple[str, Listed]]:
        """Yield the files below ``folder``, which ``handle`` is, with their paths; an empty folder as ``folder/.``."""
        names = os.listdir(handle)
        if not names:
            yield f"{folder}/.", Listed(0, os.fstat(handle).st_mtime)
        for name in names:
            path = f"{folder}/{name}"
            with suppress(FileNotFoundError):  # removed since it was listed
                there = os.stat(name, dir_fd=handle, follow_symlinks=False)
                if is_folder(there) and path.count("/") < _DEEPEST:
                    inner = self._open_folder(name, handle, path)
                    try:
                        yield from self.walk(inner, path)
                    finally:
                        os.close(inner)
                else:
                    odd = None if stat.S_ISREG(there.st_mode) else _kind(there)
                    yield path, Listed(there.st_size, there.st_mtime, odd)


def is_folder(there: os.stat_result) -> bool:
    """Whether it is a folder itself, and no link to one."""
    return stat.S_ISDIR(there.st_mode)


def _kind(there: os.stat_result) -> str:
    """Say what something is that should be something else."""
    if stat.S_ISLNK(there.st_mode):
        return "a symbolic link"
    if is_folder(there):
        return "a folder"
    return "a file" if stat.S_ISREG(there.st_mode) else "a pipe, socket or device"
