"""Outcomes as lines, as a table, and as one JSON line."""

import re
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any

from .drawing import FAULTS

_HEAD = (
    "| fault | runs | equal | again | noisy | made again | seconds more | what the user saw |\n"
    "|---|---|---|---|---|---|---|---|"
)
_NAMES = re.compile(r"(/\S+)|\b[0-9a-f]{12,}\b|\b\d+\b")

Outcome = dict[str, Any]


def line_of(outcome: Outcome) -> str:
    """One outcome for people."""
    faults = "; ".join(
        f"{f['fault']} ({f['moment']} + {f['delay']:g} s)" + ("" if f["happened"] else ", did not happen")
        for f in outcome["faults"]
    )  # fmt: skip
    codes = ", ".join(str(run["code"]) for run in outcome["runs"])
    broken = "".join(f"\n    {what}" for what in outcome["broken"])
    return f"seed {outcome['seed']}: {outcome['verdict']} in {outcome['seconds']:.0f} s, exit {codes}: {faults}{broken}"


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Counts of all, and of each fault that happened."""
    by_fault = {name: _counts(of) for name in FAULTS if (of := _with(name, outcomes))}
    return {"benchmark": "chaos", **_counts(outcomes), "faults": by_fault}


def table(outcomes: Sequence[Outcome]) -> str:
    """A Markdown row for each fault: of the runs that it happened in, alone or with others."""
    rows = [_HEAD]
    for name in FAULTS:
        of = _with(name, outcomes)
        if of:
            counts = _counts(of)
            rows.append(
                f"| {name} | {counts['runs']} | {counts['equal']} | {counts['again']} | {counts['noisy']} | {counts['made_again']} "
                f"| {counts['seconds_more'][1]:.0f} | {_seen(name, of)} |"
            )
    return "\n".join(rows)


def _with(name: str, outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [o for o in outcomes if any(f["fault"] == name and f["happened"] for f in o["faults"])]


def _counts(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    more = [outcome["seconds_more"] for outcome in outcomes] or [0.0]
    broken = Counter(_kind(what) for outcome in outcomes for what in outcome["broken"])
    return {
        "runs": len(outcomes),
        "equal": sum(outcome["verdict"] == "equal" for outcome in outcomes),
        "again": sum(len(outcome["runs"]) > 1 for outcome in outcomes),
        "made_again": sum(outcome["made_again"] for outcome in outcomes),
        "made_again_untouched": sum(outcome["made_again_untouched"] for outcome in outcomes),
        "made_in_vain": sum(outcome["made_in_vain"] for outcome in outcomes),
        "noisy": sum(any(run["noise"] for run in outcome["runs"]) for outcome in outcomes),
        "seconds_more": [min(more), round(statistics.median(more), 1), max(more)],
        "broken": dict(broken.most_common()),
    }


def _kind(what: str) -> str:
    """What is broken, without its numbers and names."""
    what = re.sub(r"^run \d+: ", "", what)
    return what.partition(":")[0]


def _seen(name: str, outcomes: Sequence[Outcome]) -> str:
    """Exit code and last line of the runs that the fault happened in, the most frequent ones."""
    seen: Counter[str] = Counter()
    for outcome in outcomes:
        for fault in outcome["faults"]:
            if fault["fault"] == name and fault["happened"]:
                run = outcome["runs"][min(fault["run"], len(outcome["runs"])) - 1]
                line = _NAMES.sub("..", run["last"]).replace("|", "/")
                seen[f"{run['code']}: {line}" if line else f"{run['code']}"] += 1
    return "; ".join(f"{text} ({count})" for text, count in seen.most_common(3))
