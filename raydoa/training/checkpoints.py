"""Where a training on one process keeps its place: a folder with one whole checkpoint at a time.

A checkpoint is written under a temporary name, synced, and renamed; only then the one before it is
removed. So a process may die anywhere, and what it left is passed over or swept away by the next
one. The folder belongs to one training: whoever makes it names it after the training's key. A checkpoint
that is not what was written (`raydoa.training.manifest`) is removed, and the training begins before it. Nothing is
read, written or removed through a symbolic link.
"""

import logging
import re
import shutil
import tempfile
import time
from pathlib import Path

from raydoa.errors import UserError
from raydoa.store.local_storage import LocalStorage, sync
from raydoa.store.record_checks import is_duration
from raydoa.store.storage import room_for
from raydoa.training.engine import Engine
from raydoa.training.manifest import (
    MANIFEST_FILE,
    UnusableCheckpoint,
    check_files,
    check_no_others,
    read_manifest,
    write_manifest,
)
from raydoa.training.tensor_file import full_disk_is_os_error

logger = logging.getLogger(__name__)

_WHOLE = re.compile(r"steps-(\d+)")


class CheckpointFolder:
    """`raydoa.training.fit.Checkpoints` in a local folder, of a training on one process.

    `restore` and `save` raise `UserError`: the folder is a symbolic link, the disk is full.
    """

    nodes = 1

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started = time.perf_counter()
        self.seconds_before = 0.0

    def restore(self, engine: Engine) -> int:
        for steps_done in sorted(self._whole(), reverse=True):
            whole = self._folder / f"steps-{steps_done}"
            try:
                manifest = read_manifest(whole)
                check_files(whole, manifest)
                check_no_others(whole, {*manifest.files, MANIFEST_FILE})
                if not is_duration(seconds := manifest.facts.get("seconds")):
                    raise UnusableCheckpoint("its seconds are no number from 0 on")
                engine.load(whole)
            except UnusableCheckpoint as why:
                logger.warning("%s: %s; it is removed, and its steps are taken again", whole, why)
                LocalStorage(self._folder).remove_folder(whole.name)
            else:
                self.seconds_before = seconds
                return steps_done
        return 0

    def save(self, engine: Engine, steps_done: int) -> None:
        if steps_done in self._whole():
            return  # Another process, which was taken for dead, is as far.
        with room_for("a checkpoint", str(self._folder)), full_disk_is_os_error():
            self._folder.mkdir(parents=True, exist_ok=True)
            aside = Path(tempfile.mkdtemp(prefix=f"aside-{steps_done}-", dir=self._folder))
            engine.save(aside)
            seconds = self.seconds_before + time.perf_counter() - self._started
            write_manifest(aside, {"seconds": seconds})
            for path in [*aside.iterdir(), aside]:
                sync(path)
        aside.replace(self._folder / f"steps-{steps_done}")
        sync(self._folder)
        for older in self._whole():
            if older < steps_done:
                shutil.rmtree(self._folder / f"steps-{older}", ignore_errors=True)

    def must_leave(self, _steps_done: int) -> bool:
        """See `Checkpoints.must_leave`: a task cannot move, and is run again elsewhere when its machine is gone."""
        return False

    def may_grow(self) -> bool:
        return False

    def agreed(self, number: float) -> float:
        """See `Checkpoints.agreed`: nobody else."""
        return number

    def _whole(self) -> list[int]:
        if self._folder.is_symlink():
            raise UserError(
                f"{self._folder}: a symbolic link is where a training keeps its checkpoints; remove it"
            )
        if not self._folder.is_dir():
            return []
        matches = (_WHOLE.fullmatch(path.name) for path in self._folder.iterdir())
        return [int(match[1]) for match in matches if match]
