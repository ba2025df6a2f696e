"""What a task finds out about the node it runs on, for `raydoa.on_ray.cluster_check`."""

import hashlib
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import raydoa
from raydoa.errors import UserError
from raydoa.store.local_storage import LocalStorage
from raydoa.store.remote_storage import RemoteStorage

_COUNT_GPUS = "import torch; print(torch.cuda.device_count())"


def look_at_yourself(shared: Sequence[str], run: str, identity: str) -> dict[str, Any]:
    """Versions, GPUs and token of this node; writes ``identity`` into the folder ``run`` of each shared place."""
    token = _token_file()
    return {
        "host": platform.node(),
        "versions": {
            "python": platform.python_version(),
            "ray": _version("ray"),
            "torch": _version("torch"),
            "raydoa": f"{raydoa.__version__} (code {_code_digest()})",
        },
        "gpus_seen": _gpus_seen() if _version("torch") else None,
        "auth_mode": os.environ.get("RAY_AUTH_MODE"),
        "token_file": str(token) if token else None,
        "token_file_mode": token.stat().st_mode & 0o777 if token else None,
        "unwritable": {place: why for place in shared if (why := _write(place, run, identity))},
    }


def who_wrote(shared: Sequence[str], run: str, identity: str) -> dict[str, list[str]]:
    """The nodes whose files can be seen from here, in each shared place that can be read."""
    seen = {}
    for place in shared:
        try:
            seen[place] = [Path(path).name for path in open_folder(place).listing(run)]
        except UserError:
            seen[place] = []
    return seen


def time_there() -> float:
    """The node's clock, in unix seconds."""
    return time.time()


def open_folder(place: str) -> LocalStorage | RemoteStorage:
    """A folder or URL, opened as the store opens it."""
    return RemoteStorage(place) if "://" in place else LocalStorage(Path(place))


def _write(place: str, run: str, identity: str) -> str | None:
    """Why the place cannot be written; None if it can."""
    try:
        open_folder(place).write(f"{run}/{identity}", identity.encode())
    except (UserError, OSError) as error:
        return str(error)
    return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _code_digest() -> str:
    """Of all of raydoa's Python: two checkouts may have the same version."""
    folder = Path(raydoa.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:8]


def _gpus_seen() -> int:
    """In a process of its own: Ray hides the GPUs from a task that asks for none, and torch need not stay loaded."""
    shown = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    found = subprocess.run(
        [sys.executable, "-c", _COUNT_GPUS], capture_output=True, text=True, env=shown, check=True
    )
    return int(found.stdout.split()[-1])


def _token_file() -> Path | None:
    """The file that the token is read from; None if it comes from the environment, or is nowhere."""
    if os.environ.get("RAY_AUTH_TOKEN"):
        return None
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    path = Path(named) if named else Path.home() / ".ray" / "auth_token"
    return path if path.is_file() else None
