"""A full disk, told in one line, whoever meets it: Ray, Tune and Arrow each make something else of the system's error."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from raydoa.errors import NO_SPACE, Interrupted, RunFailed, UserError
from raydoa.experiment.config import RuntimeConfig
from raydoa.on_ray.ray_internals import temp_folder
from raydoa.store.layout import local_folder

_INSIDE = ("cause", "controller_failure")
"""Where errors of Ray's keep the one that they are about."""


def is_full_disk(error: BaseException) -> bool:
    """Whether a full disk is behind ``error``: an error of the system's, or a text that still has its words."""
    seen: set[int] = set()
    left: list[object] = [error]
    while left:
        link = left.pop()
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        if isinstance(link, OSError) and link.errno in NO_SPACE:
            return True
        if any(os.strerror(number) in str(link) for number in NO_SPACE):
            return True
        left += [link.__cause__, link.__context__, *(getattr(link, name, None) for name in _INSIDE)]
        left += getattr(link, "worker_failures", {}).values()
    return False


def full_disk(runtime: RuntimeConfig) -> UserError:
    """The line about a full disk: of the folders that a run writes to, the one with the least room is named."""
    folders = [local_folder(runtime.store), runtime.results, tempfile.gettempdir(), temp_folder()]
    there = [Path(folder) for folder in folders if folder and Path(folder).exists()]
    fullest = min(there, key=lambda folder: shutil.disk_usage(folder).free)
    return UserError(
        f"{fullest}: no space left; make room and run the same command again: finished stages stay in {runtime.store}"
    )


@contextmanager
def full_disk_is_told(runtime: RuntimeConfig) -> Iterator[None]:
    """Turn what a full disk makes of a run into the line about it."""
    try:
        yield
    except (UserError, Interrupted, RunFailed):
        raise
    except Exception as error:
        if is_full_disk(error):
            raise full_disk(runtime) from error
        raise
