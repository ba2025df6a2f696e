"""The layout of one store, and the order of writes that keeps it whole.

store.json                             the schema of all this
records/<key[:2]>/<key>.json           one artifact's record, written last and at once
data/<key[:2]>/<key>/<attempt>/...     its files, in a folder that only one writer writes to
plans/<id>.json                        what was asked for under a plan's id
"""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from raydoa.errors import UserError
from raydoa.store.garbage_collection import ATTEMPT_TIME
from raydoa.store.key import canonical_json
from raydoa.store.local_storage import LocalStorage
from raydoa.store.record import (
    SCHEMA,
    DamagedArtifact,
    Record,
    check_name,
    check_schema,
    parse_record,
)
from raydoa.store.remote_storage import RemoteStorage
from raydoa.store.storage import Listed

_KEY = re.compile(r"[0-9a-f]{64}")
_RECORD = re.compile(r"records/[0-9a-f]{2}/([0-9a-f]{64})\.json")


Storage: TypeAlias = LocalStorage | RemoteStorage


def open_storage(url: str) -> Storage:
    """A folder, or any URL that fsspec opens."""
    return RemoteStorage(url) if "://" in url else LocalStorage(Path(url))


def new_attempt(key: str) -> str:
    """Return the name of a folder for the files of ``key`` that nobody else writes to."""
    began = datetime.now(UTC).strftime(ATTEMPT_TIME)
    return f"data/{key[:2]}/{key}/{began}-{uuid.uuid4().hex[:12]}"


class StoreLayout:
    """The artifacts at one URL. Methods raise `UserError` where a newer raydoa wrote there."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._checked = False
        self._prepared = False

    @cached_property
    def place(self) -> Storage:
        """Where the bytes lie; opened when it is first needed."""
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
        """Return the record of ``key``, None if there is none, or raise `DamagedArtifact`."""
        assert _KEY.fullmatch(key), f"not a key: {key!r}"
        self._check_schema()
        path = _record_path(key)
        try:
            content = self.place.read(path)
        except FileNotFoundError:
            return None
        return parse_record(content, key, f"{self.url}/{path}")

    def keys(self) -> Iterator[str]:
        """Yield the keys of all artifacts here (not of shipped ones), sorted."""
        self._check_schema()
        for path in sorted(self.place.listing("records")):
            if match := _RECORD.fullmatch(path):
                yield match[1]

    def records(self) -> Iterator[tuple[str, Record | DamagedArtifact]]:
        """Yield every key with its record, or with what is wrong with that."""
        paths = {_record_path(key): key for key in self.keys()}
        for path, content in self.place.read_all(paths):
            key = paths[path]
            try:
                yield key, parse_record(content, key, f"{self.url}/{path}")
            except DamagedArtifact as damage:
                yield key, damage

    def files(self) -> dict[str, Listed]:
        """Return everything under ``data/`` and ``records/``."""
        return self.place.listing("data") | self.place.listing("records")

    def is_whole(self, record: Record) -> bool:
        """Tell whether all files are there with the right sizes (the bytes are not read)."""
        there = self.place.listing(record.folder)
        expected = {f"{record.folder}/{name}": file.bytes for name, file in record.files.items()}
        return all(path in there and there[path].bytes == size for path, size in expected.items())

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
                f"{self.url}/{record.folder}: files vanished while they were published; run again, "
                "and give gc an age longer than a publication takes"
            )
        if (earlier := self.published(record.key)) is not None:
            return earlier
        self.place.write(_record_path(record.key), record.to_bytes())
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
            record = (
                None  # Which attempt it pointed to is unknown; gc will find that none is needed.
            )
        if folder is not None and record is not None and record.folder != folder:
            return
        self.place.remove(_record_path(key))
        if record is not None:
            self.place.remove_folder(record.folder)

    def _check_schema(self) -> None:
        if self._checked:
            return
        where = f"{self.url}/store.json"
        try:
            schema = json.loads(self.place.read("store.json"))["schema"]
        except FileNotFoundError:
            return  # a new store
        except (json.JSONDecodeError, UnicodeDecodeError, TypeError, KeyError):
            schema = None
        if not isinstance(schema, int):
            raise UserError(f'{where}: not the mark of a store; expected {{"schema": {SCHEMA}}}')
        check_schema(schema, where)
        self._checked = True


def _record_path(key: str) -> str:
    return f"records/{key[:2]}/{key}.json"
