"""Locks between the processes of a machine: an empty file each, and a kernel that forgets whoever dies.

A lock is `flock` on a file. However its holder ends, the kernel releases it at once, so there are no leases to renew and
no timeouts that a busy machine could miss. Over NFS the server does the same for all machines that mount it.
"""

import errno
import fcntl
import hashlib
import logging
import os
from contextlib import suppress
from pathlib import Path

from raydoa.errors import UserError
from raydoa.store.descent import Descent

logger = logging.getLogger(__name__)

_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


class LocksUnsupported(OSError):
    """The file system knows no locks."""


class LockFile:
    """A lock that this object holds until `release`, or the end of the process."""

    def __init__(self, descent: Descent, path: str, descriptor: int) -> None:
        self._descent = descent
        self._path = path
        self._descriptor = descriptor

    def release(self) -> None:
        """Let the next one have it; all who wait are woken."""
        try:
            # While it is locked: nobody else can have begun to use this file, but another may be there since.
            with suppress(FileNotFoundError), self._descent.parents(self._path) as (folders, name):
                if _is_at(self._descriptor, name, folders[-1]):
                    os.unlink(name, dir_fd=folders[-1])
        finally:
            os.close(self._descriptor)


def acquire(root: Path, path: str) -> LockFile | None:
    """The lock on ``path`` in ``root``, whose folders may be new; None if somebody else holds it.

    Raises:
        LocksUnsupported: the file system knows none.
        UserError: something else is there, or the folder cannot be written.
    """
    descent = Descent(root, follow_links=False)
    with descent.parents(path, make=True) as (folders, name):
        while True:
            descriptor = _open(root / path, os.O_RDWR | os.O_CREAT, name, folders[-1])
            try:
                locked = _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if locked and _is_at(descriptor, name, folders[-1]):
                    lock, descriptor = LockFile(descent, path, descriptor), -1
                    return lock
            finally:
                if descriptor >= 0:
                    os.close(descriptor)
            if not locked:
                return None  # Else its holder has just removed it: the next file is another.


def lockable(folder: Path, otherwise: Path) -> Path:
    """Where to lock for ``folder``: there, or at ``otherwise`` if its file system knows no locks, which is said."""
    try:
        probe = acquire(folder, ".probe.lock")
    except LocksUnsupported:
        (folder / ".probe.lock").unlink(missing_ok=True)
        logger.warning(
            "%s: its file system has no locks; only processes of this machine see each other's",
            folder,
        )
        return otherwise
    if probe is not None:
        probe.release()
    return folder


def of_machine(name: str, cache: Path) -> Path:
    """Where this machine's processes lock for what has no folder of its own, or none that can be locked."""
    return cache / hashlib.sha256(name.encode()).hexdigest()[:16]


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock on ``path``."""
    return not _pass(path, fcntl.LOCK_SH | fcntl.LOCK_NB)


def wait_until_free(path: Path) -> None:
    """Return when nobody holds the lock on ``path``."""
    _pass(path, fcntl.LOCK_SH)


def _pass(path: Path, how: int) -> bool:
    """Share the lock for a moment; returns whether that was granted."""
    try:
        descriptor = _open(path, os.O_RDONLY, str(path))
    except FileNotFoundError:
        return True
    try:
        return _lock(descriptor, how)
    finally:
        os.close(descriptor)


def _open(path: Path, flags: int, name: str, parent: int | None = None) -> int:
    """Open a lock's file and nothing else: no link to somewhere, and no pipe that waits for a writer."""
    try:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise UserError(
                f"{path}: found no lock's file but something else; remove it"
            ) from error
        raise


def _lock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            raise LocksUnsupported(*error.args) from error
        raise
    return True


def _is_at(descriptor: int, name: str, parent: int) -> bool:
    """Whether the open file is still the one called ``name`` in the folder ``parent``."""
    try:
        there = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)
