"""A stage to keep in a store, and the bytes that lie below one."""

from dataclasses import dataclass
from typing import ClassVar

import fsspec

from raydoa.store.key import Stage
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
