"""The builder: asks for artifacts and gets them, made at most once.

`Builder.build` looks into the store, builds what is missing (inputs first), and returns the record. Who does the
work and who else might be at it are two small interfaces: a `Runner` runs stages (in this process, or on a
Ray cluster), and a `BuildLocks` locks keys, so that one key is built by one process at a time. A trial sees only `make`.

An artifact that turns out to be damaged, or that somebody else has just dropped for that, is made again, and
the work that needed it starts over; the same one damaged over and over is a broken disk, and an error.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from raydoa.errors import InsufficientResources, RunFailed, UserError
from raydoa.pipeline.beginnings import Checkpoint
from raydoa.store.key import Stage, closure, stage_label
from raydoa.store.record import DamagedArtifact, Record
from raydoa.store.store import MissingArtifact

logger = logging.getLogger(__name__)

_MOST_REPAIRS = 3


class StageFailed(RunFailed):
    """A stage that another process was building failed; the message is the error that it got."""


class Artifacts(Protocol):
    """What the builder needs of a store; a `Store` is one."""

    def find(self, key: str) -> Record | None:
        """See `Store.find`."""
        ...

    def drop(self, key: str, folder: str | None = None) -> None:
        """See `Store.drop`."""
        ...


class Runner(Protocol):
    """Runs stages."""

    def run(self, stages: Sequence[Stage]) -> None:
        """Make ``stages`` (all of one kind, every input in the store) and publish each.

        Raises:
            DamagedArtifact: an input turned out to be damaged.
            MissingArtifact: an input is gone since somebody looked.
        """
        ...


@dataclass(frozen=True)
class BuildOutcome:
    """How a build ended when its locks are released: made, or why not.

    Attributes:
        made: it is in the store.
        error: of a build that failed.
        mistake: the error is a `UserError`.
        final: the error is the same whoever tries.
    """

    made: bool = False
    error: str | None = None
    mistake: bool = False
    final: bool = False


class BuildLocks(Protocol):
    """Locks keys while they are built."""

    def acquire(self, stages: Sequence[Stage]) -> list[Stage]:
        """Lock those of ``stages`` that are free, and return them; never waits."""
        ...

    def release(self, stages: Sequence[Stage], outcome: BuildOutcome) -> None:
        """Release locks, and say how the build ended."""
        ...

    def wait(self, stage: Stage) -> BuildOutcome | None:
        """Wait until ``stage`` is not locked; returns how it failed if it is not to be tried again."""
        ...


class NoLocks:
    """The locks of a process that works alone: all are free."""

    def acquire(self, stages: Sequence[Stage]) -> list[Stage]:
        """All of them."""
        return list(stages)

    def release(self, stages: Sequence[Stage], outcome: BuildOutcome) -> None:
        """Nobody waits."""

    def wait(self, stage: Stage) -> BuildOutcome | None:
        """Nobody else makes anything, so this is never reached."""
        raise AssertionError(f"nobody else can be making {stage.kind} {stage.key}")


class Builder:
    """Builds artifacts that are missing, through a runner and locks."""

    def __init__(self, store: Artifacts, runner: Runner, locks: BuildLocks) -> None:
        self.store = store
        self._runner = runner
        self._locks = locks
        self._repairs: Counter[str] = Counter()

    def build(self, stage: Stage) -> Record:
        """The record of ``stage``'s artifact, made now if it is not in the store.

        Raises:
            StageFailed: another process failed to build it, or something it needs.
            UserError: the same, and an input of the user's was the reason.
            DamagedArtifact: an artifact it needs is damaged however often it is made again.
        """
        while True:
            try:
                self._supply([stage])
                record = self.store.find(stage.key)
            except DamagedArtifact as damage:
                self._drop(damage, stage)
                continue
            except MissingArtifact as missing:
                self._look_again(stage, missing)
                continue
            if record is not None:
                return record

    def existing(self, stage: Stage) -> Record | None:
        """The record of ``stage``'s artifact if it is in the store; one that is damaged is made again, as by `build`."""
        try:
            return self.store.find(stage.key)
        except DamagedArtifact:
            return self.build(stage)

    def _supply(self, stages: Sequence[Stage]) -> None:
        """Put all of ``stages`` (of one kind) into the store."""
        missing = self._missing(stages)
        if missing:
            for group in _by_kind([need for stage in missing for need in stage.reads()]):
                self._supply(group)
        while missing:
            self._work(missing)
            for stage in self._missing(missing):
                failed = self._locks.wait(stage)
                if failed is not None:
                    raise (UserError if failed.mistake else StageFailed)(failed.error)
            missing = self._missing(missing)

    def _work(self, missing: Sequence[Stage]) -> None:
        ours = self._locks.acquire(missing)
        outcome = BuildOutcome()  # A build that is stopped has neither made anything nor failed.
        try:
            # Somebody may have published between our look into the store and our locks.
            todo = self._missing(ours)
            if todo:
                self._runner.run(todo)
                outcome = BuildOutcome(made=True)
        except (DamagedArtifact, MissingArtifact):
            raise  # We come back; if somebody else is quicker, so much the better.
        except Exception as failure:
            mistake = isinstance(failure, UserError)
            # Of several stages it is not known which one it was.
            final = mistake and len(ours) == 1 and not isinstance(failure, InsufficientResources)
            outcome = BuildOutcome(False, f"{type(failure).__name__}: {failure}", mistake, final)
            raise
        finally:
            if ours:
                self._locks.release(ours, outcome)

    def _missing(self, stages: Sequence[Stage]) -> list[Stage]:
        return [
            s for s in stages if not isinstance(s, Checkpoint) and self.store.find(s.key) is None
        ]

    def _drop(self, damage: DamagedArtifact, wanted: Stage) -> None:
        self._count(damage.key, damage)
        labels = {stage.key: stage_label(stage) for stage in closure([wanted])}
        what = labels.get(damage.key, "an input")
        logger.warning("%s: %s; it is dropped and made again", what, damage)
        self.store.drop(damage.key, damage.folder)

    def _look_again(self, stage: Stage, missing: MissingArtifact) -> None:
        """An input was there when we looked and gone when it was read: its finder dropped it."""
        self._count(stage.key, missing)
        logger.warning("%s, which %s needs; it is made again", missing, stage.kind)

    def _count(self, key: str, error: Exception) -> None:
        self._repairs[key] += 1
        if self._repairs[key] > _MOST_REPAIRS:
            raise error


def _by_kind(stages: Sequence[Stage]) -> list[list[Stage]]:
    """Each stage once, grouped by kind in order of first appearance."""
    groups: dict[str, dict[str, Stage]] = {}
    for stage in stages:
        groups.setdefault(stage.kind, {})[stage.key] = stage
    return [list(group.values()) for group in groups.values()]
