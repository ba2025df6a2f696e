"""One seed from its first run to its verdict: inject, run again as a user would, compare."""

import shutil
import signal
import subprocess
import time
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import Any

from raydoa.errors import UserError

from . import processes
from .disks import SmallDisk
from .drawing import EVERYTHING, Drawn, Planned
from .said import Said, made_in_vain, said
from .scene import Scene
from .sweep import Inputs, Place
from .truth import Truth, damaged, differences, found
from .watching import StoreWatch

MOST_RUNS = 6
"""Of the command for one seed; three faults can end three of them."""
_LOOK_SECONDS = 0.1
_END_SECONDS = 120.0
"""In which Ray's processes must have ended after their command."""


class Hang(Exception):
    """A run did not end in its time."""


class GivenUp(Exception):
    """Whoever runs the benchmark has stopped it: there is no outcome."""


class Trial:
    """A seed in a place of its own.

    Args:
        drawn: what will happen.
        root: a short folder.
        inputs: of the sweep.
        limit: seconds of a run of the command.
        stop: set from outside: give up.
    """

    def __init__(self, drawn: Drawn, root: Path, inputs: Inputs, limit: float, stop: Event) -> None:
        self._drawn = drawn
        self._inputs = inputs
        self._limit = limit
        self._stop = stop
        self._place = Place(root)
        self._watch = StoreWatch(self._place)
        self._said: list[Said] = []
        self._sessions: list[int] = []
        disks = [planned for planned in drawn.faults if planned.action == "full"]
        self._disk = _disk(self._place, disks[0]) if disks and SmallDisk.allowed() else None
        faults = [planned for planned in drawn.faults if planned.action != "full" or self._disk]
        self._scene = Scene(self._place, list(faults), self._watch, self._disk)

    def run(self, truth: Truth | None) -> dict[str, Any]:
        """Run until it ends well, or cannot; returns the outcome, whose ``broken`` is empty if all is as it must be."""
        began = time.monotonic()
        if self._disk is not None:
            self._disk.mount()
        try:
            self._place.make()
            broken = self._to_its_end()
            if truth is not None and not broken:
                broken = self._compare(truth)
            broken += self._left_behind()
            return self._outcome(broken, time.monotonic() - began)
        finally:
            self._kill()
            if self._disk is not None:
                self._disk.unmount()

    def truth(self) -> Truth:
        """What the place holds now."""
        return found(self._place, sum(run.seconds for run in self._said))

    def _to_its_end(self) -> list[str]:
        """The command, again and again until it has ended well and nothing more has happened to its files."""
        try:
            while len(self._said) < MOST_RUNS:
                code = self._one()
                between = self._scene.end()
                if code == 0 and not between:
                    return []
        except Hang as hang:
            self._kill()
            return [f"hang: {hang}"]
        return [f"no end: exit code {code} after {MOST_RUNS} runs"]

    def _one(self) -> int:
        run = len(self._said)
        process = self._place.start(self._inputs, run)
        self._sessions.append(process.pid)
        self._scene.begin(process)
        code, seconds = self._wait(process, step=True)
        self._say(run, code, seconds)
        # Most users look at what went wrong before they try again; some press the arrow key at once.
        if code and self._drawn.patient:
            self._until_ended()
        return code

    def _wait(self, process: subprocess.Popen[bytes], *, step: bool) -> tuple[int, float]:
        began = time.monotonic()
        while process.poll() is None:
            if self._stop.is_set():
                raise GivenUp
            if time.monotonic() - began > self._limit:
                raise Hang(f"run {len(self._said) + 1} was still there after {self._limit:.0f} s")
            if step:
                self._scene.step()
            time.sleep(_LOOK_SECONDS)
        return process.returncode, time.monotonic() - began

    def _say(self, run: int, code: int, seconds: float) -> None:
        deadly = ("driver", EVERYTHING)
        killed = any(
            fired.fault.action == "kill" and fired.fault.target in deadly and fired.run == run
            for fired in self._scene.fired
        )
        self._said.append(said(self._place, run, code, seconds, killed))

    def _compare(self, truth: Truth) -> list[str]:
        """With the clean run. What was damaged and not read again is dropped first, as `store verify --drop` does."""
        try:
            if damaged(self._place):
                self._mend()
            left = damaged(self._place)
            lines = differences(self.truth(), truth, lost=bool(self._scene.touched))
        except (UserError, Hang) as error:
            return [f"result: {error}"]
        return [*lines, *(f"damaged: {self._watch.kinds.get(key, key)}" for key in left)]

    def _mend(self) -> None:
        run = len(self._said)
        process = self._place.verify(run)
        self._sessions.append(process.pid)
        self._say(run, *self._wait(process, step=False))
        self._one()

    def _left_behind(self) -> list[str]:
        lines = [f"run {n}: {what}" for n, run in enumerate(self._said, 1) for what in run.broken]
        if not self._until_ended():
            left = [pid for session in self._sessions for pid in processes.of_session(session)]
            lines.append(f"processes: {len(left)} left after {_END_SECONDS:.0f} s")
        if folders := sorted(self._place.temporary.glob("raydoa-*")):
            lines.append(f"temporary folders: {len(folders)} left")
        return lines

    def _kill(self) -> None:
        for session in self._sessions:
            processes.send(processes.of_session(session), signal.SIGKILL)

    def _until_ended(self) -> bool:
        deadline = time.monotonic() + _END_SECONDS
        while any(processes.of_session(session) for session in self._sessions):
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_SECONDS)
        return True

    def _outcome(self, broken: list[str], seconds: float) -> dict[str, Any]:
        fired = {id(f.fault): f for f in self._scene.fired}
        again, touched = self._watch.made_again(), self._scene.touched
        return {
            "seed": self._drawn.seed,
            "faults": [_told(planned, fired.get(id(planned))) for planned in self._drawn.faults],
            "runs": [asdict(run) for run in self._said],
            "seconds": round(seconds, 1),
            "made_again": sum(count for count, _ in again.values()),
            "made_again_untouched": sum(n for key, (n, _) in again.items() if key not in touched),
            "made_in_vain": made_in_vain(self._place),
            "seconds_made_again": round(sum(seconds for _, seconds in again.values()), 1),
            "verdict": "broken" if broken else "equal",
            "broken": broken,
        }


def run_seed(trial: Trial, root: Path, truth: Truth) -> dict[str, Any]:
    """The outcome of a seed; its folder is gone afterwards."""
    try:
        outcome = trial.run(truth)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    seconds = sum(run["seconds"] for run in outcome["runs"])
    return {**outcome, "seconds_more": round(seconds - truth.seconds, 1)}


def _disk(place: Place, planned: Planned) -> SmallDisk:
    folders = {
        "store": place.store,
        "results": place.results,
        "tmp": place.temporary,
        "disk": place.disk,
    }
    return SmallDisk(folders[planned.target])


def _told(planned: Planned, fired: Any) -> dict[str, Any]:
    line: dict[str, Any] = {"fault": planned.name, "moment": planned.moment, "delay": planned.delay}
    if fired is None:
        return {**line, "happened": False}
    return {
        **line,
        "happened": True,
        "run": fired.run + 1,
        "at": round(fired.seconds, 1),
        "to": fired.what,
    }
