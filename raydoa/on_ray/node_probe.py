"""Tasks that report on the node they run on, for `raydoa.on_ray.cluster_check`."""

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
from raydoa.on_ray.node_listeners import open_listeners
from raydoa.store.layout import open_storage

_COUNT_GPUS = "import torch; print(torch.cuda.device_count())"


def probe_node(shared: Sequence[str], run: str, node_id: str) -> dict[str, Any]:
    """What of `NodeFacts` this node knows itself, and its name; writes ``run``/``node_id`` into each storage."""
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
        "listeners": open_listeners(),
        "unwritable": {url: why for url in shared if (why := _write(url, run, node_id))},
    }


def list_nodes(shared: Sequence[str], run: str, node_id: str) -> dict[str, list[str]]:
    """Ids of the nodes whose files this node sees, in each storage; none where it cannot be read."""
    seen = {}
    for url in shared:
        try:
            seen[url] = [Path(path).name for path in open_storage(url).listing(run)]
        except UserError:
            seen[url] = []
    return seen


def read_clock() -> float:
    """The node's clock, in unix seconds."""
    return time.time()


def _write(url: str, run: str, node_id: str) -> str | None:
    """Why the storage cannot be written; None if it can."""
    try:
        open_storage(url).write(f"{run}/{node_id}", node_id.encode())
    except (UserError, OSError) as error:
        return str(error)
    return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _code_digest() -> str:
    """Of raydoa's code: two checkouts may have the same version."""
    folder = Path(raydoa.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:8]


def _gpus_seen() -> int:
    """In a process of its own: Ray hides the GPUs from a task that asks for none, and torch need not stay loaded."""
    environment = {
        name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"
    }
    process = subprocess.run(
        [sys.executable, "-c", _COUNT_GPUS],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    return int(process.stdout.split()[-1])


def _token_file() -> Path | None:
    """The file that Ray reads its token from; None if it comes from the environment, or there is none."""
    if os.environ.get("RAY_AUTH_TOKEN"):
        return None
    configured = os.environ.get("RAY_AUTH_TOKEN_PATH")
    path = Path(configured) if configured else Path.home() / ".ray" / "auth_token"
    return path if path.is_file() else None
