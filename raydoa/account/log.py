"""The entries of an account in a store: read in order, and added to by whoever comes first.

Every change is decided on all entries up to n and then created as entry n + 1, if there is none. If somebody else was
quicker, it is decided again with that entry known. There is no lock, so nobody who dies holds up anybody, and it is as
safe between machines as the store's creation of a new file (`raydoa.store.exclusive`).
"""

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from raydoa.account.entries import DamagedAccount, Entry, Event, new_entry, parse_entry
from raydoa.account.state import ImpossibleEntry, Refused, State
from raydoa.store.names import shown
from raydoa.store.store import Store

_ENTRY = re.compile(r"([0-9]{8})\.json")


class Log:
    """The entries in a ``folder`` of a store; safe between threads and processes. ``now`` has a time zone."""

    def __init__(self, store: Store, folder: str, now: Callable[[], datetime]) -> None:
        self._store, self._folder, self._now = store, folder, now
        self._mutex = threading.Lock()
        self._known: State | None = None

    def state(self) -> State:
        """What all entries come to, now."""
        with self._mutex:
            return self._read_on().copy()

    def append(self, decide: Callable[[State], Event | Refused | None]) -> Entry | Refused | None:
        """Add what is decided on all that is there, until nobody was quicker; returns its entry, or what else was decided."""
        with self._mutex:
            while True:
                state = self._read_on()
                decided = decide(state)
                if decided is None or isinstance(decided, Refused):
                    return decided
                if state.entries == 0:
                    self._store.prepare()
                at = self._now().astimezone(UTC)
                entry = new_entry(state.entries + 1, at, state.head, decided)
                if self._store.place.create(self._path(entry.number), entry.to_bytes()):
                    state.take(entry)
                    return entry

    def _read_on(self) -> State:
        """Count the entries that have come since."""
        if self._known is None:
            self._known = self._read_all()
        state = self._known
        while True:
            path = self._path(state.entries + 1)
            try:
                content = self._store.place.read(path)
            except FileNotFoundError:
                return state
            self._take(state, path, content)

    def _read_all(self) -> State:
        """Read all entries; nothing else may lie beside them, but for what processes hide there while they work."""
        listed = sorted(self._store.place.listing(self._folder).items())
        paths: list[str] = []
        for path, entry in listed:
            name = path.removeprefix(f"{self._folder}/")
            if name.startswith("."):
                continue
            where = f"{self._store.url}/{shown(path, 200)}"
            if entry.odd is not None or _ENTRY.fullmatch(name) is None:
                raise DamagedAccount(where, f"{entry.odd or 'a file'} that is no entry")
            if path != self._path(len(paths) + 1):
                missing = self._path(len(paths) + 1)
                raise DamagedAccount(
                    f"{self._store.url}/{missing}", f"missing, but {name} is there"
                )
            paths.append(path)
        state, contents = State(), dict(self._store.place.read_all(paths))
        for path in paths:
            if path not in contents:
                raise DamagedAccount(f"{self._store.url}/{path}", "removed while it was read")
            self._take(state, path, contents[path])
        return state

    def _take(self, state: State, path: str, content: bytes) -> None:
        where = f"{self._store.url}/{path}"
        entry = parse_entry(content, state.entries + 1, state.head, where)
        try:
            state.take(entry)
        except ImpossibleEntry as error:
            raise DamagedAccount(where, shown(error, 200)) from error

    def _path(self, number: int) -> str:
        return f"{self._folder}/{number:08d}.json"
