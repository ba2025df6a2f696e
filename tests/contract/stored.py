"""A stage to keep in a store, and the bytes that lie below one."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, ClassVar

import fsspec

from raydoa.store.key import Stage, canonical_json
from raydoa.store.names import record_path
from raydoa.store.record import Record
from raydoa.store.store import Store


@dataclass(frozen=True)
class Made(Stage):
    kind: ClassVar[str] = "made"
    version: ClassVar[int] = 1
    number: int
    needs: tuple[Stage, ...] = ()


class Bytes:
    """The bytes below a store, to look at and to damage."""

    def __init__(self, store: Store) -> None:
        self.files, self.root = fsspec.core.url_to_fs(store.url, use_listings_cache=False)

    def all(self) -> set[str]:
        return {path.removeprefix(f"{self.root}/") for path in self.files.find(self.root)}

    def read(self, path: str) -> bytes:
        content: bytes = self.files.cat_file(f"{self.root}/{path}")
        return content

    def write(self, path: str, content: bytes) -> None:
        self.files.makedirs(f"{self.root}/{path}".rpartition("/")[0], exist_ok=True)
        self.files.pipe_file(f"{self.root}/{path}", content)

    def remove(self, path: str) -> None:
        self.files.rm_file(f"{self.root}/{path}")


def forged(record: Record, **changes: Any) -> bytes:
    """The file of a record that says something else, with the digest that belongs to that."""
    body = {**json.loads(record.to_bytes()), **changes}
    del body["digest"]
    digest = hashlib.sha256(canonical_json(body).encode()).hexdigest()
    return json.dumps(body | {"digest": digest}).encode()


def forge(store: Store, record: Record, **changes: Any) -> None:
    """Write a `forged` record in place of the good one."""
    Bytes(store).write(record_path(record.key), forged(record, **changes))
