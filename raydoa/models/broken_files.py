"""What transformers, torch and tokenizers raise over a model folder's files, told as the user's mistake that it is.

Such a file is damaged, or of somebody who means harm: nothing in it is executed. Weights are read as safetensors, or by
torch's unpickler for weights, which refuses everything else; code that a folder brings along is not run.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError

from raydoa.errors import UserError

_RAISED = (
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ImportError,
    EOFError,
    SafetensorError,
    StrictDataclassError,
)
"""RuntimeError: also JSON that is nested too deeply."""


@contextmanager
def read_as(what: str, folder: Path) -> Iterator[None]:
    """Turn a library's error over the files of ``folder``, which it reads as ``what``, into one line.

    Raises:
        UserError: they cannot be read.
    """
    try:
        yield
    except UnpicklingError as error:
        raise UserError(
            f"{folder}: cannot be loaded as {what}: pytorch_model.bin is damaged, or holds code beside weights, which "
            "is not run; save the model as safetensors"
        ) from error
    except Exception as error:
        # tokenizers raises Exception itself; a GPU that is full says nothing of the files.
        of_files = type(error) is Exception or isinstance(error, _RAISED)
        if not of_files or _is_full_gpu(error):
            raise
        raise UserError(f"{folder}: cannot be loaded as {what}: {_in_a_line(error)}") from error


def _is_full_gpu(error: Exception) -> bool:
    """Without an import of torch, which a tokenizer does not need: who has not imported it cannot have raised that."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(error, torch.OutOfMemoryError)


def _in_a_line(error: Exception) -> str:
    why = " ".join(str(error).split(" | ")[0].split("\n", 1)[0].split())
    if "ignore_mismatched_sizes" in why:
        return "the shapes of its weights are not those of its config.json"
    if isinstance(error, StrictDataclassError):
        return "config.json: " + " ".join(str(error).split())
    if isinstance(error, OSError | RuntimeError | ValueError | SafetensorError) and why:
        return why
    return f"one of its files is broken ({type(error).__name__}: {why})"
