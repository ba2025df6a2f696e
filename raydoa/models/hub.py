"""Checkpoints that exist elsewhere: on the hub or in a folder. Where they are, and what they are exactly.

A folder's fingerprint is a hash of its content; a hub model's is its commit. Both stand in keys for the
weights, so an edited folder or a moved branch is another model.

Weights are safetensors where there are any. `google/t5-v1_1-*` have only `pytorch_model*.bin` on their main
branch: transformers reads those with torch's unpickler for weights, which runs no code.
"""

import hashlib
import json
import logging
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raydoa.errors import Unreachable, UserError

logger = logging.getLogger(__name__)

DESCRIPTION = ("*.json", "*.model", "*.spm", "*.txt", "*.jinja")
"""Configuration, vocabulary, and the template of a chat."""
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
"""Kinds of weights, the first that is there is read."""

_PLAIN_NAME = re.compile(r"\w+([.-]\w+)*/\w+([.-]\w+)*", re.ASCII)
"""What the hub surely takes for a name, as all that raydoa knows are; whether it takes others is its own to say."""

_BLOCK_BYTES = 1 << 22
_HUB_SECONDS = 5.0


@dataclass(frozen=True)
class Located:
    """A checkpoint that can be reached: where, and its fingerprint."""

    place: str
    fingerprint: str


def locate(name: str, location: str | None, revision: str | None = None) -> Located:
    """Find the checkpoint called ``name``: at ``location`` if that is given, else a folder, else on the hub at ``revision``.

    Raises:
        Unreachable: it cannot be had from here.
        UserError: it can, and it is no checkpoint; or the name can be no model's.
    """
    if (folder := local_folder(name, location)) is not None:
        return Located(str(folder.absolute()), folder_fingerprint(folder))
    if location is not None or name.startswith((".", "/", "~")):
        raise Unreachable(f"model {name}: no folder {_path(name, location)}")
    commit = _hub_commit(name, revision or "main")
    return Located(f"{name}@{commit}", commit)


def local_folder(name: str, location: str | None) -> Path | None:
    """The folder where `locate` finds a checkpoint; None: it would be on the hub, or nowhere."""
    folder = _path(name, location)
    return folder if folder.is_dir() else None


def checkpoint_folder(location: str, *, weights: bool = True) -> Path:
    """The local folder of a located checkpoint; a hub model is downloaded once per machine.

    Without ``weights``, it has its configuration and tokenizer, and maybe its weights.

    Raises:
        Unreachable: it is not here, and the hub does not answer.
    """
    from huggingface_hub import snapshot_download

    if Path(location).is_dir():
        return Path(location)
    name, _, commit = location.partition("@")
    if (cached := _cached(name, commit)) is not None:
        return cached
    patterns = [*DESCRIPTION, *([_at_hub(name, commit)[1]] if weights else [])]
    return Path(snapshot_download(name, revision=commit, allow_patterns=patterns))


def read_config(folder: Path) -> dict[str, Any]:
    """The checkpoint's `config.json`, as it is. Raises `UserError`: it is missing or is not a JSON object."""
    path = folder / "config.json"
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected a checkpoint folder")
    return read_json(path)


def read_json(path: Path) -> dict[str, Any]:
    """A file of a checkpoint that is a JSON object. Raises `UserError`: it is none."""
    try:
        value: Any = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON ({error})") from error
    if not isinstance(value, dict):
        raise UserError(f"{path}: found {value!r}; expected the JSON object of a checkpoint")
    return value


def folder_fingerprint(folder: Path) -> str:
    """Hash of the names and bytes of a folder's configuration, vocabulary and weights. Raises `UserError`: there are no weights in it."""
    weights = _weights(path.name for path in folder.iterdir())
    if weights is None:
        raise UserError(
            f"{folder}: no weights; expected {' or '.join(_WEIGHTS)}, as save_pretrained writes them"
        )
    digest = hashlib.sha256()
    for path in sorted({p for pattern in (*DESCRIPTION, weights) for p in folder.glob(pattern)}):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    return digest.hexdigest()


def _path(name: str, location: str | None) -> Path:
    return Path(location or name).expanduser()


def _weights(names: Iterable[str]) -> str | None:
    """The pattern of the weights to read among these files, None if there are none."""
    there = [Path(name) for name in names]
    return next((kind for kind in _WEIGHTS if any(path.match(kind) for path in there)), None)


def _hub_commit(name: str, revision: str) -> str:
    """The commit of a revision on the hub, or else in the local cache."""
    try:
        return _at_hub(name, revision)[0]
    except Unreachable:
        folder = _cached(name, revision)
        if folder is None:
            raise
        logger.info("%s: the hub does not answer; using what is in the local cache", name)
        return folder.name


def _at_hub(name: str, revision: str) -> tuple[str, str]:
    """The commit of a revision, and the pattern of its weights."""
    if _is_out_of_reach(name):
        raise _not_reached(name)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import DryRunError, HfHubHTTPError, HFValidationError

    patterns = [*DESCRIPTION, *_WEIGHTS]
    try:
        files = snapshot_download(
            name,
            revision=revision,
            allow_patterns=patterns,
            etag_timeout=_HUB_SECONDS,
            dry_run=True,
        )
    except HFValidationError as error:
        raise UserError(
            f"model {name!r}: neither a folder nor a name that the hub can have"
        ) from error
    except HfHubHTTPError as error:
        reason = str(error).strip().splitlines()[0]
        raise Unreachable(f"model {name}: the hub refuses it: {reason}") from error
    except DryRunError as error:
        raise _not_reached(name) from error
    weights = _weights(file.filename for file in files)
    if weights is None:
        raise UserError(f"model {name}: the hub has no {' or '.join(_WEIGHTS)} of it")
    return str(files[0].commit_hash), weights


def _not_reached(name: str) -> Unreachable:
    return Unreachable(
        f"model {name}: the hub cannot be reached and its weights are not in the local cache; give a "
        f"folder with --model {name}=FOLDER"
    )


def _is_out_of_reach(name: str) -> bool:
    """Whether the hub is not to be asked, and the local cache has nothing of the model.

    Known without what asks, unless that is there: its import takes as long as the rest of a plan.
    """
    if "huggingface_hub._snapshot_download" in sys.modules:
        return False
    from huggingface_hub import constants

    if not (constants.HF_HUB_OFFLINE and _PLAIN_NAME.fullmatch(name)):
        return False
    return not (Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}").exists()


def _cached(name: str, revision: str) -> Path | None:
    """The folder of a hub model that has been downloaded whole."""
    if _is_out_of_reach(name):
        return None
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    for weights in _WEIGHTS:
        # Asked with the patterns of the download: against all of the repository it would look partial.
        patterns = [*DESCRIPTION, weights]
        with suppress(LocalEntryNotFoundError):
            folder = Path(
                snapshot_download(
                    name, revision=revision, allow_patterns=patterns, local_files_only=True
                )
            )
            if any(folder.glob(weights)):
                return folder
    return None
