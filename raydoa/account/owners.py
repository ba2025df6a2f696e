"""Whether whoever holds a reservation is alive: a lock file for each, which the kernel frees however its process ends.

The file lies in the account's folder, or for a store behind a URL in this machine's cache folder. It is there before the
reservation is, so a reader who finds it, and nobody who holds it, knows that the owner died. A reader who finds none (on
another machine, say) knows nothing.
"""

from pathlib import Path
from typing import Literal, TypeAlias

from raydoa.store import lock_file
from raydoa.store.layout import local_folder
from raydoa.store.lock_file import LockFile, LocksUnsupported
from raydoa.store.store import Store

Owner: TypeAlias = Literal["alive", "dead", "unknown"]


class Owners:
    """The owners of an account's reservations, as far as they can be seen from here."""

    def __init__(self, store: Store, account: str) -> None:
        folder = local_folder(store.url)
        self._root = (
            lock_file.of_machine(store.url, store.cache_dir) if folder is None else Path(folder)
        )
        self._account = account
        self._held: dict[str, LockFile] = {}

    def hold(self, reservation: str) -> None:
        """Be its owner, from now or still, until `let_go`, or the end of this process."""
        if reservation in self._held:
            return
        try:
            lock = lock_file.acquire(self._root, self._name(reservation))
        except LocksUnsupported:
            (self._root / self._name(reservation)).unlink(missing_ok=True)  # It would say "dead".
            return
        assert lock is not None, f"{reservation} is held by somebody else"
        self._held[reservation] = lock

    def let_go(self, reservation: str) -> None:
        """It has ended, or did not come about."""
        if (lock := self._held.pop(reservation, None)) is not None:
            lock.release()

    def of(self, reservation: str) -> Owner:
        """Whether its owner lives."""
        path = self._root / self._name(reservation)
        if not path.is_file():
            return "unknown"
        return "alive" if lock_file.is_held(path) else "dead"

    def forget(self, reservation: str) -> None:
        """Remove what the owner of an ended reservation left when it died."""
        lock = lock_file.acquire(self._root, self._name(reservation))
        if lock is not None:
            lock.release()

    def _name(self, reservation: str) -> str:
        return f"{self._account}/.{reservation}.lock"
