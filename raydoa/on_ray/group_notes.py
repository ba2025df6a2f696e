"""What one worker group writes down for the next: facts in a checkpoint's manifest, and how far it had come.

Both lie in a shared folder, so whatever is read is checked before it is counted with.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from raydoa.store.local_storage import LocalStorage
from raydoa.store.record_checks import is_count, is_duration
from raydoa.store.storage import OddEntry
from raydoa.training.manifest import UnusableCheckpoint

logger = logging.getLogger(__name__)

_PROGRESS = "progress.json"


@dataclass(frozen=True)
class CheckpointFacts:
    """The group's size, the loss of every step so far, and rows of a micro-batch."""

    workers: int
    losses: list[float]
    micro_batch_size: int


@dataclass(frozen=True)
class Progress:
    """Steps done, those of them that had been done before, and seconds times workers, over all groups so far."""

    steps: int = 0
    steps_repeated: int = 0
    device_seconds: float = 0.0


def checkpoint_facts(facts: Mapping[str, Any]) -> CheckpointFacts:
    """What the manifest of rank 0 says. Raises `UnusableCheckpoint`: it says something else."""
    for name in ("workers", "micro_batch_size"):
        if not is_count(facts.get(name)) or facts[name] == 0:
            raise UnusableCheckpoint(f"its {name} is no number above 0")
    losses = facts.get("losses")
    if not isinstance(losses, list) or not all(type(loss) is float for loss in losses):
        raise UnusableCheckpoint("its losses are no list of numbers")
    return CheckpointFacts(facts["workers"], losses, facts["micro_batch_size"])


def write_progress(run: Path, progress: Progress) -> None:
    """Replace what a run has noted. Raises `UserError`: the disk is full."""
    LocalStorage(run).write(_PROGRESS, json.dumps(asdict(progress)).encode())


def read_progress(run: Path) -> Progress:
    """What the groups before have noted; nothing, and a warning, if that cannot be read."""
    try:
        return _progress(json.loads(LocalStorage(run).read(_PROGRESS)))
    except FileNotFoundError:
        pass
    except (ValueError, RecursionError, OddEntry) as error:
        why = error.problem if isinstance(error, OddEntry) else "no progress of a training"
        logger.warning("%s: cannot be read (%s); its seconds are lost", run / _PROGRESS, why)
    return Progress()


def _progress(noted: Any) -> Progress:
    """Raises `ValueError`: it is something else, or not finite."""
    if not isinstance(noted, dict) or noted.keys() != asdict(Progress()).keys():
        raise ValueError("other fields")
    progress = Progress(**noted)
    if not (is_count(progress.steps) and is_count(progress.steps_repeated)):
        raise ValueError("steps")
    if not is_duration(progress.device_seconds):
        raise ValueError("seconds")
    return progress
