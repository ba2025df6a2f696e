"""What happens to a run, from its seed: one to three faults, each at an event and so many seconds after it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from .processes import TARGETS

KINDS = ("task_data", "fine_tune", "pseudo_label", "distill", "evaluate")
AFTER_THE_END = "end"
"""The moment between two runs of the command."""
EVERYTHING = "everything"
STOPPED = ("train worker", "map worker", "task", "trial", "claims", "raylet", "driver")
DISKS = ("store", "results", "tmp", "disk")
RESULT_FILES = {
    "row": "*/result.json",
    "driver's rows": "driver.jsonl",
    "table": "cells.csv",
    "Tune's state": "experiment_state-*.json",
    "Tune's searcher": "basic-variant-state-*.json",
}
"""What is cut in a result dir, by the pattern of its name."""

_EARLY = {"raylet", "gcs", "dashboard agent", "claims", "driver", EVERYTHING}
"""What is there from the start: such a process dies at any event, every other one some seconds after it is seen."""

FAULTS: dict[str, tuple[str, str]] = {
    **{f"kill {target}": ("kill", target) for target in (*TARGETS, EVERYTHING)},
    "SIGTERM": ("signal", "SIGTERM"),
    "SIGINT": ("signal", "SIGINT"),
    **{f"stop {target}": ("stop", target) for target in STOPPED},
    **{f"full {place}": ("full", place) for place in DISKS},
    **{f"damaged {kind}": ("artifact", kind) for kind in KINDS},
    **{f"damaged record of {kind}": ("record", kind) for kind in KINDS},
    "store removed": ("remove", "store"),
    **{f"cut {name}": ("cut", pattern) for name, pattern in RESULT_FILES.items()},
}
"""What a fault does, and to what."""


@dataclass(frozen=True)
class Planned:
    """A fault that will happen.

    Attributes:
        name: in `FAULTS`.
        moment: the event it waits for: `priced` (Ray starts next), `begun` (it is up), `row` (a trial has ended),
            `record of KIND`, `process` (the one that it hits), or `AFTER_THE_END`; the first of its kind.
        delay: seconds after it.
        stopped: seconds that a process stands still, for faults that stop one.
        chance: decides what else is open, such as which file.
    """

    name: str
    moment: str
    delay: float
    stopped: float
    chance: int

    @property
    def action(self) -> str:
        """What it does."""
        return FAULTS[self.name][0]

    @property
    def target(self) -> str:
        """To what."""
        return FAULTS[self.name][1]


@dataclass(frozen=True)
class Drawn:
    """The faults of a seed, and whether the user waits until the last of Ray has ended before they run it again."""

    seed: int
    faults: tuple[Planned, ...]
    patient: bool


def draw(seed: int, only: Sequence[str] = (), count: int | None = None) -> Drawn:
    """The faults of a seed.

    Args:
        seed: decides everything.
        only: the names to draw from; all unless given.
        count: how many; one to three unless given.
    """
    chance = random.Random(seed)
    count = count or chance.choice((1, 1, 2, 3))
    names = chance.sample(sorted(only or FAULTS), min(count, len(only or FAULTS)))
    # One full disk, and one process that stands still: two of either take minutes and show nothing new.
    seen: set[str] = set()
    kept = []
    for name in names:
        action = FAULTS[name][0]
        if action not in seen or action not in ("full", "stop"):
            kept.append(_planned(name, chance))
        seen.add(action)
    return Drawn(seed, tuple(kept), chance.random() < 0.5)


def _planned(name: str, chance: random.Random) -> Planned:
    action, target = FAULTS[name]
    delay, stopped = round(chance.uniform(0.0, 3.0), 1), round(chance.uniform(3.0, 40.0), 1)
    events = ["priced", "begun", "row", *(f"record of {kind}" for kind in KINDS)]
    match action:
        case "kill" | "stop" if target not in _EARLY:
            moment, delay = "process", round(chance.uniform(0.0, 2.0), 1)
        case "artifact" | "record":
            moment = chance.choice([f"record of {target}", "row", AFTER_THE_END])
        case "remove":
            moment = chance.choice([*events[2:], AFTER_THE_END])
        case "cut":
            moment = chance.choice(["row", AFTER_THE_END])
        case _:
            moment = chance.choice(events)
    return Planned(name, moment, delay, stopped, chance.randrange(2**32))
