"""Creation of an object that is not there yet: of many who create one, in whatever order, exactly one does.

S3 and Google's storage decide that themselves (``If-None-Match: *``, ``ifGenerationMatch=0``), in memory one lock does.
Other file systems of fsspec look first and write then, so two may both believe they were first: those are refused, and so
is an endpoint that takes the condition and ignores it, as some that only speak S3's language do.
"""

import threading
import uuid
from typing import Any

from raydoa.errors import UserError

_DECIDING = ("s3", "s3a", "gs", "gcs")
_TAKEN = ("PreconditionFailed", "412")
_CONFLICT = ("ConditionalRequestConflict", "OperationAborted", "409")
"""S3's codes for: it is there; somebody creates it at this moment, ask again."""

_in_memory = threading.Lock()


class ExclusiveCreation:
    """Creates objects of one file system of fsspec, below ``root``."""

    def __init__(self, files: Any, root: str, url: str) -> None:
        self._files, self._root, self._url = files, root, url
        self._tried = False

    def create(self, path: str, content: bytes) -> bool:
        """Create an object; False: there is one. Raises `UserError`: nobody decides here who is first."""
        if not self._tried:
            self._try()
            self._tried = True
        if self._created(path, content):
            return True
        # An answer may be lost and the request made again: then what is there is ours.
        return bool(self._files.cat_file(path) == content)

    def _created(self, path: str, content: bytes) -> bool:
        while True:
            try:
                if _protocol(self._files) == "memory":
                    with _in_memory:
                        self._files.pipe_file(path, content, mode="create")
                else:
                    self._files.pipe_file(path, content, mode="create")
            except FileExistsError:
                return False
            except OSError as error:
                code = _code(error)
                if code in _TAKEN:
                    return False
                if code not in _CONFLICT:
                    raise
            else:
                return True

    def _try(self) -> None:
        """Create something twice, once in a lifetime: the second time must be refused."""
        protocol = _protocol(self._files)
        if protocol != "memory" and protocol not in _DECIDING:
            raise UserError(
                f"{self._url}: {protocol}:// cannot tell who of two was first, and money is counted here; use a store "
                "in a folder, or at s3:// or gs://"
            )
        probe = f"{self._root}/.probe-{uuid.uuid4().hex}"
        assert self._created(probe, b"1"), probe
        refused = not self._created(probe, b"2")
        self._files.rm_file(probe)
        if not refused:
            raise UserError(
                f"{self._url}: this endpoint ignores the condition `If-None-Match: *`, so two processes could spend the "
                "same money; use a store in a folder, or at an endpoint that keeps to it (AWS S3, MinIO, R2)"
            )


def _protocol(files: Any) -> str:
    name = files.protocol
    return str(name if isinstance(name, str) else name[0])


def _code(error: OSError) -> str | None:
    """What S3 said, of an error that s3fs has no exception of its own for."""
    response = getattr(error.__cause__, "response", None)
    return str(response["Error"].get("Code")) if isinstance(response, dict) else None
