"""The layout of one store, and the order of writes that keeps it whole.

store.json                             the schema of all this
records/<key[:2]>/<key>.json           one artifact's record, written last and at once
data/<key[:2]>/<key>/<attempt>/...     its files, in a folder that only one writer writes to
plans/<id>.json                        what was asked for under a plan's id
accounts/<name>/                       real money, reserved and spent (`raydoa.account`)
answers/<task>/<question>/             answers that were paid for (`raydoa.llm.journal`)
batches/<task>/<question>/             batches that were bought, until their results are in (`raydoa.llm.batch_notes`)

What was paid for is no artifact: nothing here lists, checks or removes what lies under the last three.
"""

import json
import logging
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from raydoa.errors import UserError
from raydoa.store.fetching import is_complete
from raydoa.store.key import canonical_json
from raydoa.store.local_storage import LocalStorage
from raydoa.store.names import ATTEMPT_TIME, check_name, is_key, record_path, recorded_key, shown
from raydoa.store.record import (
    SCHEMA,
    DamagedArtifact,
    NewerSchema,
    Record,
    check_schema,
    is_schema,
    parse_record,
)
from raydoa.store.remote_storage import RemoteStorage
from raydoa.store.storage import Listed, OddEntry

logger = logging.getLogger(__name__)

Storage: TypeAlias = LocalStorage | RemoteStorage

Recorded: TypeAlias = Record | DamagedArtifact | NewerSchema
"""What a store has under a key: its record, or why there is none to read."""


def open_storage(url: str) -> Storage:
    """A folder, or any URL that fsspec opens."""
    folder = local_folder(url)
    return RemoteStorage(url) if folder is None else LocalStorage(Path(folder))


def local_folder(url: str) -> str | None:
    """The path that ``url`` is, with or without the protocol of local files; None of any other URL."""
    folder = url.removeprefix("file://").removeprefix("local://")
    return None if "://" in folder else folder


def new_attempt(key: str) -> str:
    """Return the name of a folder for the files of ``key`` that nobody else writes to."""
    began = datetime.now(UTC).strftime(ATTEMPT_TIME)
    return f"data/{key[:2]}/{key}/{began}-{uuid.uuid4().hex[:12]}"


class StoreLayout:
    """The artifacts at one URL. Methods raise `UserError` where a newer raydoa wrote there."""

    def __init__(self, url: str, *, shipped: bool = False) -> None:
        self.url = url
        self._shipped = shipped
        self._checked = False
        self._prepared = False

    @cached_property
    def place(self) -> Storage:
        """Where the bytes lie; opened when it is first needed."""
        if self._shipped:
            return LocalStorage(Path(self.url), follow_links=True)
        return open_storage(self.url)

    def prepare(self) -> None:
        """Write the store's mark, if this object has not yet: the place can be written, then. Call it before money is spent."""
        self._check_schema()
        if not self._prepared:
            self.place.write("store.json", json.dumps({"schema": SCHEMA}).encode())
            self._prepared = True

    def check_exists(self) -> None:
        """Refuse a place where nobody has made a store, without making one there. Raises `UserError`: there is none."""
        try:
            self.place.read("store.json")
        except FileNotFoundError:
            raise UserError(f"{self.url}: no store here (no store.json); check the name") from None

    def record(self, key: str) -> Record | None:
        """Return the record of ``key``, None if there is none, or raise `DamagedArtifact`.

        Raises:
            UserError: ``key`` is none; the record is a newer raydoa's; the way to it is no plain folder.
        """
        if not is_key(key):
            raise UserError(f"{self.url}: {shown(key)} is no key; expected 64 hexadecimal digits")
        self._check_schema()
        path = record_path(key)
        try:
            content = self.place.read(path)
        except FileNotFoundError:
            return None
        except OddEntry as odd:
            if odd.path != path:
                raise
            raise DamagedArtifact(key, f"its record cannot be read: {odd}") from odd
        return parse_record(content, key, f"{self.url}/{path}")

    def keys(self) -> Iterator[str]:
        """Yield the keys of all artifacts here (not of shipped ones), sorted."""
        plain, odd = self._recorded()
        yield from sorted({*plain.values(), *odd})

    def records(self) -> Iterator[tuple[str, Recorded]]:
        """Yield every key with its record, or with what is wrong with that."""
        plain, odd = self._recorded()
        for key, what in odd.items():
            where = f"{self.url}/{record_path(key)}"
            yield key, DamagedArtifact(key, f"its record {where} is {what}")
        for path, content in self.place.read_all(plain):
            key = plain[path]
            try:
                yield key, parse_record(content, key, f"{self.url}/{path}")
            except (DamagedArtifact, NewerSchema) as unread:
                yield key, unread

    def strays(self) -> dict[str, str]:
        """Return what lies among the records and is none, by path, with what it is; hidden files are somebody's work."""
        self._check_schema()
        return {
            path: listed.odd or "a file"
            for path, listed in sorted(self.place.listing("records").items())
            if recorded_key(path) is None and not _is_hidden(path)
        }

    def files(self) -> dict[str, Listed]:
        """Return everything under ``data/`` and ``records/``."""
        return self.place.listing("data") | self.place.listing("records")

    def is_whole(self, record: Record) -> bool:
        """Tell whether all files are there with the right sizes (the bytes are not read), and no others."""
        try:
            return is_complete(record, self.place.listing(record.folder))
        except OddEntry:
            return False

    def _recorded(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return the keys of records that are plain files, by path, and of the others, with what each is."""
        self._check_schema()
        plain, odd = {}, {}
        for path, listed in sorted(self.place.listing("records").items()):
            key = recorded_key(path)
            if key is not None and path == record_path(key) and listed.odd is None:
                plain[path] = key
            elif key is not None:
                odd[key] = listed.odd or "a folder"
        return plain, {key: odd[key] for key in odd if key not in plain.values()}

    def published(self, key: str) -> Record | None:
        """Return the record of ``key`` if there is a whole artifact, None if it is to be made."""
        try:
            record = self.record(key)
        except DamagedArtifact:
            return None
        return record if record is not None and self.is_whole(record) else None

    def commit(self, record: Record) -> Record:
        """Make an artifact visible, all of whose files are in place; returns that, or an earlier whole one, which wins."""
        self.place.settle(record.folder)
        if not self.is_whole(record):
            raise UserError(
                f"{self.url}/{record.folder}: files vanished or came while they were published; run "
                "again, and give gc an age longer than a publication takes"
            )
        if (earlier := self.published(record.key)) is not None:
            return earlier
        self.place.write(record_path(record.key), record.to_bytes())
        return record

    def keep_plan(self, plan_id: str, plan: Mapping[str, Any]) -> None:
        """Write a plan down under its id, once: commands name plans by their ids, long after a sweep."""
        path = f"plans/{check_name(plan_id)}.json"
        try:
            self.place.read(path)
        except FileNotFoundError:
            self.place.write(path, canonical_json(dict(plan)).encode())

    def discard(self, key: str, attempt: str) -> None:
        """Remove the folder of an attempt, unless the record of ``key`` may point to it."""
        try:
            record = self.record(key)
        except DamagedArtifact:
            return
        if record is None or record.folder != attempt:
            self.place.remove_folder(attempt)

    def drop(self, key: str, folder: str | None = None) -> None:
        """Remove an artifact, its record first, if it is there; with ``folder``, only if it still lies in that.

        A `DamagedArtifact` or a `Record` names its folder, so that what somebody has published in the meantime stays.
        """
        try:
            record = self.record(key)
        except DamagedArtifact:
            record = None  # Where it pointed to is unknown; gc will find that no attempt is needed.
        if folder is not None and record is not None and record.folder != folder:
            return
        if record is None:
            self.place.remove_folder(record_path(key))  # whatever lies there: a folder, a link
            return
        self.place.remove(record_path(key))
        try:
            self.place.remove_folder(record.folder)
        except OddEntry as odd:
            logger.warning("%s; it is left, and what it leads to", odd)

    def drop_stray(self, path: str) -> None:
        """Remove one of the `strays`; of a link, nothing that it leads to."""
        self.place.remove(path)

    def _check_schema(self) -> None:
        if self._checked:
            return
        where = f"{self.url}/store.json"
        try:
            content = self.place.read("store.json")
        except FileNotFoundError:
            return  # a new store
        try:
            schema = json.loads(content)["schema"]
        except (ValueError, RecursionError, TypeError, KeyError):
            schema = None
        if not is_schema(schema):
            raise UserError(f'{where}: not the mark of a store; expected {{"schema": {SCHEMA}}}')
        check_schema(schema, where)
        self._checked = True


def _is_hidden(path: str) -> bool:
    """Whether it is of a writer at work, of NFS, or an object that stands for a folder."""
    name = path.rpartition("/")[2]
    return name == "" or name.startswith(".")
