"""The files that a checkpoint's weights are in, and what the headers of safetensors say of them.

A safetensors file begins with the length of its header and the header: JSON with the type, shape and place of each tensor.
The places follow one another up to the end of the file, so one that was cut anywhere is known by its header alone. The
rules for headers are the library's, which loads the weights later.

Planning reads these, so nothing here imports torch or loads weights.
"""

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

from safetensors import SafetensorError, safe_open

from raydoa.errors import UserError
from raydoa.models.hub import read_json

_NAMES = ("model.safetensors", "pytorch_model.bin")
"""As transformers looks for them: the whole file of a kind, else the index of its shards, then the next kind."""
_LFS_POINTER = b"version https://git-lfs"
_PICKLE, _ZIP = b"\x80", b"PK"
_LONGEST_HEADER = 100_000_000

_EMBEDDING = re.compile(
    r"(^|\.)(shared|embed_tokens|word_embeddings?|tok_embeddings|wte|embed_in)\.weight$"
)
"""What kinds of models call the embedding of their input."""


Shape: TypeAlias = tuple[int, ...]


def has_weights(folder: Path) -> bool:
    """Whether a folder has a file that transformers would load a whole model from."""
    return _first_file(folder) is not None


def check_weights(folder: Path, *, whole: bool) -> Mapping[str, Shape] | None:
    """Look at all files of a checkpoint's weights; returns the shapes of the tensors by name, None where not all can be told.

    ``whole``: every file must be there. Else those that are there are looked at; the others are yet to be downloaded.

    Raises:
        UserError: a file is missing, empty, truncated or damaged.
    """
    files = weight_files(folder)
    there = [path for path in files if path.is_file()]
    if whole and len(there) < len(files):
        missing = [path for path in files if path not in there]
        raise UserError(
            f"{missing[0]}: no such file, and the index of the shards names it ({len(missing)} of {len(files)} are "
            "missing); copy or save the model again"
        )
    tensors: dict[str, Shape] = {}
    for path in there:
        _refuse_pointer(path)
        if path.suffix == ".safetensors":
            tensors |= read_header(path)
        else:
            _check_pickle(path)
    if not there or there[0].suffix != ".safetensors" or len(there) < len(files):
        return None
    if not tensors:
        raise UserError(f"{folder}: its weights hold no tensor; save the model again")
    return tensors


def read_header(path: Path) -> dict[str, Shape]:
    """The shapes of the tensors of a safetensors file. Raises `UserError`: it is empty, truncated or damaged."""
    try:
        with safe_open(path, framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: {_damage(path, error)}; copy or save the model again") from error
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entries: dict[str, Any] = json.loads(file.read(length))
    entries.pop("__metadata__", None)
    return {name: tuple(entry["shape"]) for name, entry in entries.items()}


def embedding_rows(tensors: Mapping[str, Shape]) -> int | None:
    """Rows of the embedding of the input's tokens; None: no tensor is called like one."""
    named = (shape for name, shape in tensors.items() if _EMBEDDING.search(name))
    return max((shape[0] for shape in named if len(shape) == 2), default=None)


def _first_file(folder: Path) -> Path | None:
    places = (folder / f"{name}{end}" for name in _NAMES for end in ("", ".index.json"))
    return next((path for path in places if path.is_file()), None)


def weight_files(folder: Path) -> list[Path]:
    """The files that transformers would load a model's weights from; none if there are none."""
    first = _first_file(folder)
    if first is None:
        return []
    return [folder / name for name in _shard_names(first)] if first.suffix == ".json" else [first]


def _shard_names(index: Path) -> list[str]:
    of_tensors = read_json(index).get("weight_map")
    names = set(of_tensors.values()) if isinstance(of_tensors, dict) else set()
    if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise UserError(
            f"{index}: weight_map: expected the file of each tensor, as save_pretrained writes them; save the model again"
        )
    return sorted(names)


def _refuse_pointer(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(len(_LFS_POINTER)) == _LFS_POINTER:
            raise UserError(
                f"{path}: a pointer of Git LFS, and not the weights; run git lfs pull in its folder"
            )


def _check_pickle(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(2)
    if not start:
        found = "empty (0 bytes)"
    elif start == _ZIP and not zipfile.is_zipfile(path):
        found = f"truncated: it has {path.stat().st_size:,} bytes, and an archive's end is not among them"
    elif start != _ZIP and start[:1] != _PICKLE:
        found = "neither an archive nor a pickle, as torch.save writes them"
    else:
        return
    raise UserError(f"{path}: {found}; copy the model again, or save it as safetensors")


def _damage(path: Path, error: Exception) -> str:
    size = path.stat().st_size
    if size == 0:
        return "empty (0 bytes)"
    announced = _announced_bytes(path)
    if announced is None or announced == size:
        why = " ".join(str(error).split())
        return f"truncated or damaged: the header of its {size:,} bytes cannot be read ({why})"
    return f"truncated or damaged: it has {size:,} bytes, and its header says {announced:,}"


def _announced_bytes(path: Path) -> int | None:
    """How long a file is by its header; None: its header cannot be read."""
    with path.open("rb") as file, suppress(*_NO_HEADER):
        length = int.from_bytes(file.read(8), "little")
        entries = json.loads(file.read(min(length, _LONGEST_HEADER)))
        return 8 + length + max(_ends(entries))
    return None


_NO_HEADER = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


def _ends(entries: Any) -> Iterator[int]:
    return (int(value["data_offsets"][1]) for name, value in entries.items() if name[:2] != "__")
