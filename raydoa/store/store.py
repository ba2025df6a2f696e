"""The store: finished artifacts by key, in a local folder or anywhere that fsspec reaches.

An artifact exists when its record does. A writer fills a folder of its own and then publishes
the record that points to it, so no reader ever sees half of one, however many write the same key
and however they die; what no record points to is swept up by `Store.collect`. The first of two
writers of one key wins, the second gets the first one's record. (Two that finish in the same moment
may both publish: the later record stays, and the earlier one's files lie there, whole, until they
are collected.) Nothing is locked: one build per key is the business of whoever schedules, and only
saves money. The layout is told in `raydoa.store.layout`.
"""

import hashlib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from raydoa.errors import UserError
from raydoa.store.fetching import bring, check
from raydoa.store.garbage_collection import Garbage, find_garbage
from raydoa.store.key import Stage, plain_dict
from raydoa.store.layout import StoreLayout, local_folder, new_attempt
from raydoa.store.names import is_file_name, shown
from raydoa.store.record import DamagedArtifact, NewerSchema, Record, make_record
from raydoa.store.storage import OddEntry

logger = logging.getLogger(__name__)

SAFE_SUFFIXES = (
    ".safetensors",
    ".parquet",
    ".json",
    ".jsonl",
    ".csv",
    ".txt",
    ".yaml",
    ".model",
    ".spm",
)
"""What an artifact's files may be: formats that run nothing when read (.model and .spm: sentencepiece)."""

DAY_SECONDS = 86_400.0


class MissingArtifact(LookupError):
    """The store holds no such artifact, or the artifact no such file."""


class Store(StoreLayout):
    """Artifacts by key at one URL, with read-only stores shipped in the package behind it.

    Making one opens nothing; it pickles as its arguments.

    Args:
        url: a path, or any URL that fsspec opens (``s3://bucket/prefix``); credentials and options
            come from the environment.
        cache_dir: where files of a remote store are downloaded to; ``raydoa`` in the user's cache
            folder by default. A local store's files are read in place.
        shipped: folders in the same layout, which `find` and `fetch` fall through to.

    Raises:
        UserError: a shipped folder is not there. From any method: the place is full, cannot be
            reached or written, or was written by a newer raydoa.
    """

    def __init__(
        self, url: str, cache_dir: Path | None = None, shipped: Sequence[Path] = ()
    ) -> None:
        local = local_folder(url)
        super().__init__(url if local is None else str(Path(local).expanduser().absolute()))
        self.cache_dir = cache_dir or _user_cache()
        self.shipped = tuple(shipped)
        for folder in self.shipped:
            if not folder.is_dir():
                raise UserError(f"{folder}: no such folder of shipped artifacts; reinstall raydoa")
        self._behind = tuple(StoreLayout(str(folder), shipped=True) for folder in self.shipped)

    def __reduce__(self) -> tuple[Any, ...]:
        return Store, (self.url, self.cache_dir, self.shipped)

    def __repr__(self) -> str:
        return f"Store({self.url!r})"

    def find(self, key: str) -> Record | None:
        """Return the record of ``key``, or None; opens no file of the artifact.

        Raises:
            DamagedArtifact: there is a record, but it cannot be trusted.
        """
        located = self._locate(key)
        return located[1] if located else None

    def publish(
        self,
        stage: Stage,
        folder: Path,
        facts: Mapping[str, object],
        provenance: Mapping[str, object],
    ) -> Record:
        """Copy the files of ``folder`` into the store as the artifact of ``stage``, unless there is a whole one.

        Raises:
            UnstableValue: a fact is no plain value (a NaN, say).
            ValueError: ``folder`` holds something that an artifact may not.
            UserError: as for the class. Whatever is raised, nothing of this attempt is visible.
        """
        facts, provenance = plain_dict(facts, "facts"), plain_dict(provenance, "provenance")
        names = _file_names(folder)
        self.prepare()
        if (earlier := self.published(stage.key)) is not None:
            return self._in_vain(earlier)
        attempt = new_attempt(stage.key)
        try:
            files = {n: self.place.put(folder / n, f"{attempt}/{n}") for n in names}
            stays = self.commit(make_record(stage, attempt, files, facts, provenance))
            return stays if stays.folder == attempt else self._in_vain(stays)
        finally:
            self.discard(stage.key, attempt)

    def fetch(self, key: str, names: Sequence[str] | None = None) -> Path:
        """Return a local folder that holds the artifact's files (or ``names`` of them), checked.

        The folder of a local store is the artifact itself: never write there.

        Raises:
            MissingArtifact: there is no such artifact or file.
            DamagedArtifact: a file is missing, not what was published, or added: drop it and make it again.
            UserError: the same of a shipped artifact, which nobody can make again here.
        """
        located = self._locate(key)
        if located is None:
            raise MissingArtifact(f"{self.url}: no artifact {key}")
        layout, record = located
        try:
            return self._fetch(layout, record, names)
        except DamagedArtifact as damage:
            if layout is not self:
                raise UserError(f"{layout.url}: shipped {damage}; reinstall raydoa") from damage
            if self.record(key) == record:
                raise
        return self.fetch(key, names)  # it was dropped and made again while it was read here

    def verify(self) -> Iterator[tuple[str, DamagedArtifact | UserError | None]]:
        """Read every file of this store again; yield each key with its damage, what else hides it, or None."""
        for key, record in self.records():
            yield key, self._damage(record) if isinstance(record, Record) else record

    def collect(
        self,
        keep: AbstractSet[str] | None = None,
        older_than_seconds: float = DAY_SECONDS,
        *,
        dry_run: bool = False,
    ) -> list[Garbage]:
        """Remove what is not needed, and return it; with ``dry_run`` only return it.

        Args:
            keep: keys of the artifacts to keep, with all that they depend on; None keeps every
                artifact and removes only what no record points to.
            older_than_seconds: what is younger stays. Give it longer than any publication takes.

        Raises:
            UserError: a negative age, or a damaged record that hides what it depends on.
        """
        if older_than_seconds < 0:
            raise UserError(f"age of {older_than_seconds:g} seconds: it cannot be negative")
        # Listed before the records are read: what is published in between has a record.
        files = self.files()
        garbage = find_garbage(
            self._all_records(),
            files,
            keep=keep,
            older_than_seconds=older_than_seconds,
            now=datetime.now(UTC),
        )
        for piece in () if dry_run else garbage:
            if piece.what == "artifact":
                self.drop(piece.key, piece.path)
            elif piece.what == "attempt":
                self.discard(piece.key, piece.path)
            else:
                self.place.remove(piece.path)
        return garbage

    def _all_records(self) -> dict[str, Record | DamagedArtifact]:
        """Return what there is by key. Raises `UserError`: something may hide records."""
        for path, what in self.strays().items():
            if path.count("/") == 1 and what != "a file":
                raise UserError(
                    f"{self.url}/{shown(path)}: {what}, and what it should hold is unknown, so nothing "
                    "was removed: drop it first (raydoa store verify --drop)"
                )
        records: dict[str, Record | DamagedArtifact] = {}
        for key, record in self.records():
            if isinstance(record, NewerSchema):
                raise record
            records[key] = record
        return records

    def _in_vain(self, earlier: Record) -> Record:
        """Tell that an artifact was made twice: no harm to anybody, but money."""
        what = f"{earlier.kind} {earlier.key}"
        logger.warning("%s: %s was made twice; the first one stays", self.url, what)
        return earlier

    def _locate(self, key: str) -> tuple[StoreLayout, Record] | None:
        for layout in (self, *self._behind):
            if (record := layout.record(key)) is not None:
                return layout, record
        return None

    def _fetch(self, layout: StoreLayout, record: Record, names: Sequence[str] | None) -> Path:
        wanted = record.files if names is None else names
        for name in wanted:
            if name not in record.files:
                there = ", ".join(sorted(record.files))
                raise MissingArtifact(f"artifact {record.key} has no file {name}; it has {there}")
        cache = self.cache_dir / hashlib.sha256(layout.url.encode()).hexdigest()[:16]
        return bring(layout.place, record, wanted, cache)

    def _damage(self, record: Record) -> DamagedArtifact | UserError | None:
        try:
            check(self.place, record)
        except (DamagedArtifact, OddEntry) as found:
            return found
        return None


def _file_names(folder: Path) -> list[str]:
    """Return the relative names of the files of an artifact-to-be, sorted, all of them fit."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder to publish")
    fetched = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ValueError(f"{path}: an artifact holds plain files only")
        if not is_file_name(name):
            raise ValueError(
                f"{folder}: {shown(name)} is no name that a file of an artifact may have"
            )
        if path.is_file() and path.suffix not in SAFE_SUFFIXES:
            raise ValueError(f"{path}: an artifact holds {', '.join(SAFE_SUFFIXES)} files only")
        if path.is_file():
            fetched.append(name)
    return fetched


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "raydoa"
