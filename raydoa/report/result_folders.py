"""Where a result dir lies: a local folder, or anything that fsspec opens (``s3://``, ``gs://``, ...).

Only what reading rows needs: the folders of the trials, and a small file out of each. Credentials come from the
environment, as they do for a store.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from raydoa.store.remote_storage import RemoteStorage


class ResultFolder(Protocol):
    """A folder to read from."""

    def folders(self) -> list[str]:
        """Names of the folders inside; none if there is no such folder."""
        ...

    def read(self, path: str) -> bytes:
        """A file's content, or FileNotFoundError."""
        ...

    def read_all(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Many small files with their content; those that are not there are left out."""
        ...


class LocalFolder:
    """A folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def folders(self) -> list[str]:
        """See `ResultFolder.folders`."""
        if not self._root.is_dir():
            return []
        with os.scandir(self._root) as entries:
            return [entry.name for entry in entries if entry.is_dir()]

    def read(self, path: str) -> bytes:
        """See `ResultFolder.read`."""
        return (self._root / path).read_bytes()

    def read_all(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """See `ResultFolder.read_all`."""
        # Path objects would cost as much as reading: there may be 100,000 of them.
        root = str(self._root)
        for path in paths:
            try:
                with open(f"{root}/{path}", "rb", buffering=0) as file:  # noqa: PTH123
                    content = file.read()
            except FileNotFoundError:
                continue
            yield path, content


def folder_at(path: str | Path) -> ResultFolder:
    """The folder at a path or URL.

    Raises:
        UserError: the URL is of a kind that cannot be opened here.
    """
    return RemoteStorage(str(path)) if "://" in str(path) else LocalFolder(Path(path))
