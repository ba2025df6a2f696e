"""Token ids that are made once for each tokenizer and kept in files.

A file is named by a hash of the texts and of what encodes them, and lies beside the checkpoints of trainings, so that all
students of a task on a machine (or on a cluster's shared disk) share it. Its name holds its own checksum as well, and one
that is not what it was is written again. Where a context has no such folder, files last as long as the process.
"""

import hashlib
import logging
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from raydoa.pipeline.context import TOKEN_FOLDER, ExecutionContext
from raydoa.pipeline.scratch import folder_of_process
from raydoa.store.local_storage import sync
from raydoa.store.storage import measure_stream, room_for
from raydoa.training.tensor_file import RaggedFile, write_ragged

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)


def token_folder(context: ExecutionContext) -> Path:
    """Where files of token ids are."""
    if context.train_folder is None:
        return folder_of_process()
    folder = Path(context.train_folder) / TOKEN_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def encoded(
    folder: Path,
    space: str,
    texts: Sequence[str],
    length: int,
    encode: Callable[[Sequence[str], int], list[list[int]]],
    beside: "Callable[[list[list[int]]], Mapping[str, torch.Tensor]] | None" = None,
) -> RaggedFile:
    """The file of what ``encode`` makes of some texts at a length, and what comes ``beside`` its ids; written if need be.

    ``space`` names all else that decides what is in it.
    """
    digest = hashlib.sha256(f"{space}\0{length}".encode())
    for text in texts:
        digest.update(f"\0{len(text)}\0{text}".encode())
    name = digest.hexdigest()[:32]
    for path in folder.glob(f"{name}-*.safetensors"):
        if path.name == _checked_name(name, path):
            return RaggedFile(path)
        logger.warning("%s: does not match its checksum; it is written again", path)
    # Renamed when it is whole and on the disk: others may be at it, and a machine may stop here.
    with room_for("token ids", str(folder)), tempfile.TemporaryDirectory(dir=folder) as aside:
        whole = Path(aside) / name
        rows = encode(texts, length)
        write_ragged(whole, rows, **(beside(rows) if beside is not None else {}))
        sync(whole)
        return RaggedFile(whole.replace(folder / _checked_name(name, whole)))


def _checked_name(name: str, path: Path) -> str:
    """What a file of token ids is called that holds what is in ``path`` now."""
    with path.open("rb") as stream:
        return f"{name}-{measure_stream(stream).sha256[:16]}.safetensors"
