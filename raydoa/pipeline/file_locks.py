"""The builder's locks as files: one process of a machine builds a key, whichever sweep or search it belongs to.

Lock files lie where all who use a store see them: in its folder, or for one behind a URL in this machine's cache folder.
All trials of a cluster run on its head node, so this holds for them as well.

Deadlock is impossible: `acquire` never blocks, and who waits holds no lock on anything unbuilt. A lock says nothing
about whether the artifact exists, which the store knows: look there once more after a lock is granted.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

from raydoa.pipeline.builder import BuildOutcome
from raydoa.store import lock_file
from raydoa.store.key import Stage
from raydoa.store.layout import local_folder
from raydoa.store.store import Store

_MOST_AT_ONCE = 256
"""Locks of one call: a process may have 1,024 files open. What is not granted is asked for again."""


class FileLocks:
    """`BuildLocks` of one process on keys of a store; they are released when it ends."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: dict[str, lock_file.LockFile] = {}

    def acquire(self, stages: Sequence[Stage]) -> list[Stage]:
        """See `BuildLocks.acquire`."""
        granted: list[Stage] = []
        try:
            for stage in stages[:_MOST_AT_ONCE]:
                lock = lock_file.acquire(self._root, self._name(stage.key))
                if lock is not None:
                    self._held[stage.key] = lock
                    granted.append(stage)
        except BaseException:
            self.release(granted, BuildOutcome())
            raise
        return granted

    def release(self, stages: Sequence[Stage], outcome: BuildOutcome) -> None:
        """See `BuildLocks.release`; how the build ended is in the store."""
        with ExitStack() as every_one:
            for stage in stages:
                every_one.callback(self._held.pop(stage.key).release)

    def wait(self, stage: Stage) -> BuildOutcome | None:
        """See `BuildLocks.wait`; a holder that dies ends the wait, and whoever waited may try."""
        lock_file.wait_until_free(self.path(stage.key))
        return None

    @contextmanager
    def holding(self, key: str) -> Iterator[None]:
        """Hold the lock of a key that is no stage's; whoever comes later waits."""
        while (lock := lock_file.acquire(self._root, self._name(key))) is None:
            lock_file.wait_until_free(self.path(key))
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def trying(self, key: str) -> Iterator[bool]:
        """The same without waiting; yields whether it is held now."""
        lock = lock_file.acquire(self._root, self._name(key))
        try:
            yield lock is not None
        finally:
            if lock is not None:
                lock.release()

    def path(self, key: str) -> Path:
        """The lock file of a key."""
        return self._root / self._name(key)

    def _name(self, key: str) -> str:
        return f"locks/{key[:2]}/{key}"

    @cached_property
    def _root(self) -> Path:
        """The store's folder, or one of this machine for a store that has none, or whose file system has no locks."""
        folder = local_folder(self._store.url)
        of_machine = lock_file.of_machine(self._store.url, self._store.cache_dir)
        return of_machine if folder is None else lock_file.lockable(Path(folder), of_machine)
