"""The folder of a training that Ray Train runs, before a worker group goes on from it: it may be shared, or left by a kill.

Ray writes its list of checkpoints in place, so a controller that is killed may leave half of one, and takes the names in
it for folders of the run, which it removes when there are newer ones.
"""

import logging
import os
import re
from pathlib import Path
from typing import Any

from raydoa.on_ray.ray_internals import train_snapshot, train_snapshot_name
from raydoa.store.local_storage import LocalStorage
from raydoa.store.names import shown
from raydoa.store.storage import OddEntry

logger = logging.getLogger(__name__)


def forget_what_is_broken(run: Path) -> None:
    """Remove a run's checkpoints if Ray Train's list of them is broken: no group would start with it.

    Before, remove links and the like, which neither Ray nor a group has made: Ray would write through them.

    Raises:
        UserError: the run's folder itself is a link.
    """
    parent = LocalStorage(run.parent)
    for path, listed in parent.listing(run.name).items():
        if listed.odd is not None:
            logger.warning(
                "%s: %s, which no training makes; removed", run.parent / path, listed.odd
            )
            parent.remove(path)
    broken = _broken_list(run)
    if broken is None:
        return
    logger.warning(
        "%s: %s; its checkpoints are removed, and the training begins again", run, broken
    )
    for folder in run.glob("checkpoint_*"):  # The list is called so, too.
        parent.remove_folder(f"{run.name}/{folder.name}")


def _broken_list(run: Path) -> str | None:
    """What is wrong with Ray Train's list of a run's checkpoints, None if it can go on from that."""
    name = train_snapshot_name()
    try:
        state = train_snapshot(LocalStorage(run).read(name))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError, OddEntry):
        return f"{name} cannot be read"
    problem = _problem(state, run)
    return None if problem is None else f"{name} {problem}"


def _problem(state: Any, run: Path) -> str | None:
    with os.scandir(run) as entries:
        folders = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
    listed = [result.checkpoint_dir_name for result in state.checkpoint_results]
    for name in listed:
        if re.fullmatch(r"checkpoint_[^/]+", name) is None or name not in folders:
            return f"lists a checkpoint {shown(repr(name))}, which is not there"
    if len(set(listed)) < len(listed) or len(state.checkpoint_report_indices) != len(listed):
        return "does not list each checkpoint once"
    latest = state.latest_checkpoint_result
    if latest is not None and latest.checkpoint_dir_name not in listed:
        return "does not list its latest checkpoint"
    if state.pending_training_results or state.pending_validation_specs:
        return "lists checkpoints that are to be validated, which nobody asks for"
    return None
