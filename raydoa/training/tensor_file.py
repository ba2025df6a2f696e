"""Arrays that stay on disk: safetensors whose rows are read one at a time, where they stand in the file.

A student's pool may have ten times its machine's memory in soft labels, of which a step needs some dozens of rows. They
are read with `pread`: unlike those of a memory map, the pages that were read belong to the system's cache and not to the
process, so its resident size does not grow with what it has seen. Nothing in such a file is executed.
"""

import errno
import json
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

_DTYPES = {"I32": torch.int32, "I64": torch.int64, "F32": torch.float32, "BF16": torch.bfloat16}
_MOST_OPEN = 512
"""A student on U = 100K reads 100 shards and as many files of token ids; a process may open 1,024 files."""


class TensorFile:
    """The tensors of a safetensors file, by name."""

    def __init__(self, path: Path) -> None:
        stat = path.stat()
        self._file = (str(path), stat.st_ino, stat.st_mtime_ns)
        with path.open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            self._entries: dict[str, Any] = json.loads(file.read(size))
        self._data = 8 + size

    def rows(self, name: str, start: int, stop: int) -> torch.Tensor:
        """Rows ``start`` to ``stop`` of a tensor, as a tensor of their own."""
        entry = self._entries[name]
        dtype, (count, *shape) = _DTYPES[entry["dtype"]], entry["shape"]
        assert 0 <= start <= stop <= count, f"rows {start} to {stop} of {count}"
        if start == stop:
            return torch.empty(0, *shape, dtype=dtype)
        each = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
        at = self._data + entry["data_offsets"][0] + start * each
        content = bytearray((stop - start) * each)
        read = os.preadv(_opened(*self._file).fileno(), [content], at)
        assert read == len(content), f"{self._file[0]}: ends early"
        return torch.frombuffer(content, dtype=dtype).view(stop - start, *shape)

    def whole(self, name: str) -> torch.Tensor:
        """All rows of a tensor."""
        return self.rows(name, 0, self._entries[name]["shape"][0])


class RaggedFile:
    """Rows of different lengths: flat tensors on disk, and where each row begins in memory (8 bytes a row)."""

    def __init__(self, path: Path) -> None:
        self._tensors = TensorFile(path)
        self._offsets = self._tensors.whole("offsets").numpy()

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Of each row."""
        return np.diff(self._offsets)

    @property
    def positions(self) -> int:
        """Of all rows together."""
        return int(self._offsets[-1])

    def whole(self, name: str) -> torch.Tensor:
        """A flat tensor, of all rows."""
        return self._tensors.whole(name)

    def row(self, index: int, name: str = "ids") -> torch.Tensor:
        """The part of a flat tensor that is a row's."""
        return self._tensors.rows(name, int(self._offsets[index]), int(self._offsets[index + 1]))


def write_ragged(path: Path, rows: Sequence[Sequence[int]], **flat: torch.Tensor) -> None:
    """Write rows of token ids and, beside them, tensors with an entry for each id; `RaggedFile` reads them."""
    lengths = [len(row) for row in rows]
    offsets = torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
    ids = torch.tensor([token for row in rows for token in row], dtype=torch.int32)
    assert all(len(tensor) == len(ids) for tensor in flat.values()), "an entry for each id"
    with full_disk_is_os_error():
        save_file({"ids": ids, "offsets": offsets, **flat}, path)


@lru_cache(maxsize=_MOST_OPEN)
def _opened(path: str, _inode: int, _changed_ns: int) -> IO[bytes]:
    """An open file; the one that was used least recently is closed."""
    return Path(path).open("rb", buffering=0)


@contextmanager
def full_disk_is_os_error() -> Iterator[None]:
    """Turn safetensors' own error of a full disk, which says so in words only, into the usual one."""
    try:
        yield
    except SafetensorError as error:
        if f"os error {errno.ENOSPC}" not in str(error):
            raise
        raise OSError(errno.ENOSPC, str(error)) from error
