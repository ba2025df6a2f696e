"""One command while it runs: the events that faults wait for, and the faults themselves."""

import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from . import processes
from .damage import cut_in_results, damage_artifact, damage_record, remove_store
from .disks import SmallDisk
from .drawing import AFTER_THE_END, EVERYTHING, Planned
from .sweep import Place
from .watching import StoreWatch


@dataclass
class Fired:
    """A fault that has happened: in which run, when, and to what."""

    fault: Planned
    run: int
    seconds: float
    what: str


@dataclass
class Scene:
    """A place, its command in its ``run``-th run, and what is still to happen to it.

    Attributes:
        waiting: faults to come.
        fired: those that have happened.
        touched: keys of artifacts that a fault has damaged or removed.
    """

    place: Place
    waiting: list[Planned]
    watch: StoreWatch
    disk: SmallDisk | None = None
    run: int = -1
    fired: list[Fired] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    _process: subprocess.Popen[bytes] | None = None
    _began: float = 0.0
    _since: dict[Planned, float] = field(default_factory=dict)
    _later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def begin(self, process: subprocess.Popen[bytes]) -> None:
        """A run has begun."""
        self._process, self._began = process, time.monotonic()
        self.run += 1
        self._since.clear()

    @property
    def session(self) -> int:
        """Of all processes of the run."""
        assert self._process is not None
        return self._process.pid

    def step(self) -> None:
        """Let happen what is due."""
        self.watch.look()
        now = time.monotonic()
        for planned in list(self.waiting):
            if planned not in self._since and self._happened(planned):
                self._since[planned] = now
            if planned in self._since and now - self._since[planned] >= planned.delay:
                self._fire(planned)
        due = [later for later in self._later if later[0] <= now]
        self._later = [later for later in self._later if later not in due]
        for _, action in due:
            action()

    def end(self) -> bool:
        """A run has ended: who stands still goes on, the disk is made room on, and what comes between two runs happens.

        Returns whether anything of the last kind did.
        """
        for _, action in self._later:
            action()
        self._later.clear()
        if self.disk is not None:
            self.disk.free()
        self.watch.look()
        between = [planned for planned in self.waiting if planned.moment == AFTER_THE_END]
        fired = [self._fire(planned) for planned in between]
        return any(fired)

    def _happened(self, planned: Planned) -> bool:
        match planned.moment.split(" of "):
            case ["priced"]:
                return bool(self.place.said(self.run, "err"))
            case ["begun"]:
                return "\n[00:" in self.place.said(self.run, "err")
            case ["row"]:
                rows = self.place.results.glob("*/*/result.json")
                return any(path.stat().st_size for path in rows)
            case ["record", kind]:
                return self.watch.has(kind)
            case ["process"]:
                return bool(processes.named(planned.target, self.session))
        return False

    def _fire(self, planned: Planned) -> bool:
        """Let a fault happen, if there is something for it to happen to; else it waits on."""
        what = self._act(planned, random.Random(planned.chance))
        if what is None:
            return False
        self.waiting.remove(planned)
        self.fired.append(Fired(planned, self.run, time.monotonic() - self._began, what))
        return True

    def _act(self, planned: Planned, chance: random.Random) -> str | None:
        """Do it; returns to what it was done, None if there is nothing."""
        acts = {
            "kill": self._kill,
            "stop": self._stop,
            "signal": self._signal,
            "full": self._fill,
            "artifact": self._damage_artifact,
            "record": self._damage_record,
            "remove": self._remove,
            "cut": self._cut,
        }
        return acts[planned.action](planned, chance)

    def _kill(self, planned: Planned, chance: random.Random) -> str | None:
        pids = self._pids(planned.target)
        if not pids:
            return None
        several = planned.target == EVERYTHING
        processes.send(pids if several else [chance.choice(pids)], signal.SIGKILL)
        return f"{len(pids) if several else 1} of {len(pids)}"

    def _signal(self, planned: Planned, chance: random.Random) -> str | None:
        """A terminal sends its interrupt to the whole group, a scheduler its end to the command."""
        number = signal.Signals[planned.target]
        alone = number == signal.SIGTERM
        pids = [self.session] if alone else processes.of_group(self.session)
        processes.send(pids, number)
        return f"{len(pids)} processes" if pids else None

    def _stop(self, planned: Planned, chance: random.Random) -> str | None:
        pids = self._pids(planned.target)
        if not pids:
            return None
        pid = chance.choice(pids)
        processes.send([pid], signal.SIGSTOP)
        until = time.monotonic() + planned.stopped
        self._later.append((until, lambda: processes.send([pid], signal.SIGCONT)))
        return f"one of {len(pids)}, {planned.stopped:g} s"

    def _fill(self, planned: Planned, chance: random.Random) -> str | None:
        assert self.disk is not None
        self.disk.fill()
        return planned.target

    def _damage_artifact(self, planned: Planned, chance: random.Random) -> str | None:
        return self._touched(damage_artifact(self.place, planned.target, chance))

    def _damage_record(self, planned: Planned, chance: random.Random) -> str | None:
        return self._touched(damage_record(self.place, planned.target, chance))

    def _touched(self, damaged: tuple[str, str] | None) -> str | None:
        if damaged is None:
            return None
        self.touched.add(damaged[0])
        return damaged[1]

    def _remove(self, planned: Planned, chance: random.Random) -> str | None:
        self.touched.update(keys := remove_store(self.place))
        return f"{len(keys)} artifacts"

    def _cut(self, planned: Planned, chance: random.Random) -> str | None:
        return cut_in_results(self.place, planned.target, chance)

    def _pids(self, target: str) -> list[int]:
        if target == EVERYTHING:
            return processes.of_session(self.session)
        return processes.named(target, self.session)
