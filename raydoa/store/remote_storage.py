"""A place in an object store (``s3://``, ``gs://``, ...) or in memory, through fsspec.

Options and credentials come from the environment, as the protocol's own tools read them; for S3:
``AWS_ENDPOINT_URL``, ``AWS_PROFILE``, ``AWS_ACCESS_KEY_ID`` and so on, or the machine's own role. A
small file is written with one put, which object stores show whole or not at all. A path that does not
only go down from the place's URL is refused; object stores know no links, and where a server does (``sftp://``), what it
makes of them is the server's business.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from raydoa.errors import UserError
from raydoa.store.exclusive import ExclusiveCreation
from raydoa.store.record import FileFacts
from raydoa.store.storage import Listed, check_path, measure_stream, mendable, room_for

READ_AT_ONCE = 256
PARTS_AT_ONCE = 4


class RemoteStorage:
    """A folder that fsspec opens; the same methods as a `LocalStorage`.

    Raises:
        UserError: fsspec does not know the protocol, or its package is not installed.
    """

    def __init__(self, url: str) -> None:
        import fsspec

        try:
            # A cached listing would hide what other processes write. Parts of an upload wait in
            # memory, 50 MB each, beside whatever trains there: not many at once.
            self._files, self._root = fsspec.core.url_to_fs(
                url, use_listings_cache=False, max_concurrency=PARTS_AT_ONCE
            )
        except ImportError as error:
            raise UserError(
                f"{url}: this kind of store needs another package: {error}"
                + (" (pip install 'raydoa[s3]')" if url.startswith("s3") else "")
            ) from error
        except ValueError as error:
            raise UserError(f"{url}: not a store that fsspec can open: {error}") from error
        self._root = self._root.rstrip("/")
        self.url = url
        self._exclusive = ExclusiveCreation(self._files, self._root, url)

    def read(self, path: str) -> bytes:
        with self._mendable():
            content: bytes = self._files.cat_file(self._at(path))
        return content

    def read_all(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        left = list(paths)
        while left:
            now, left = left[:READ_AT_ONCE], left[READ_AT_ONCE:]
            with self._mendable():
                contents = self._files.cat([self._at(path) for path in now], on_error="return")
            for path, content in contents.items():
                if isinstance(content, bytes):
                    yield self._relative(path), content
                elif not isinstance(content, FileNotFoundError):
                    raise content

    def write(self, path: str, content: bytes) -> None:
        with self._mendable(writing=True):
            self._files.pipe_file(self._at(path), content)

    def create(self, path: str, content: bytes) -> bool:
        """Create a small object; False: there is one. Of many who create one with contents of their own, exactly one does."""
        with self._mendable(writing=True):
            return self._exclusive.create(self._at(path), content)

    def put(self, source: Path, path: str) -> FileFacts:
        with source.open("rb") as stream:
            facts = measure_stream(stream)
        with self._mendable(writing=True):
            self._files.put_file(str(source), self._at(path))
        return facts

    def settle(self, folder: str) -> None:
        """Do nothing: an upload that has returned is durable."""

    def get(self, path: str, target: Path) -> None:
        """Copy a file to a local path in a stream, or raise FileNotFoundError. Not atomic."""
        with self._mendable(), room_for("a download into the cache", str(target.parent)):
            self._files.get_file(self._at(path), str(target))

    def measure(self, path: str) -> FileFacts | None:
        try:
            with self._mendable(), self._files.open(self._at(path), "rb") as stream:
                return measure_stream(stream)
        except FileNotFoundError:
            return None

    def listing(self, folder: str) -> dict[str, Listed]:
        with self._mendable():
            entries = self._files.find(self._at(folder), detail=True)
        return {
            self._relative(path): Listed(int(facts["size"]), _modified(facts))
            for path, facts in entries.items()
        }

    def folders(self) -> list[str]:
        try:
            with self._mendable():
                entries = self._files.ls(self._root, detail=True)
        except FileNotFoundError:
            return []
        return [self._relative(e["name"].rstrip("/")) for e in entries if e["type"] == "directory"]

    def remove(self, path: str) -> None:
        with self._mendable(), suppress(FileNotFoundError):
            self._files.rm_file(self._at(path))

    def remove_folder(self, folder: str) -> None:
        with self._mendable(), suppress(FileNotFoundError):
            self._files.rm(self._at(folder), recursive=True)

    def _at(self, path: str) -> str:
        check_path(path, self.url)
        return f"{self._root}/{path}"

    def _relative(self, path: str) -> str:
        return path.removeprefix(f"{self._root}/")

    @contextmanager
    def _mendable(self, *, writing: bool = False) -> Iterator[None]:
        try:
            with mendable(self.url):
                yield
        except FileNotFoundError as error:
            if writing:
                raise UserError(f"{self.url}: {error}; create the bucket first") from error
            raise
        except _unreachable(self.url) as error:
            raise UserError(
                f"{self.url}: cannot be reached: {error}; check the credentials and the endpoint "
                "in the environment"
            ) from error


def _unreachable(url: str) -> tuple[type[Exception], ...]:
    """Return the errors, other than OSErrors, that mean no connection to ``url``."""
    if not url.startswith("s3"):
        return ()
    from botocore.exceptions import BotoCoreError

    return (BotoCoreError,)


def _modified(facts: dict[str, Any]) -> float | None:
    for name in ("LastModified", "mtime", "updated", "last_modified", "created"):
        value = facts.get(name)
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, int | float):
            return float(value)
    return None
