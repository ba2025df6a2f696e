"""What a user has seen of a run: its exit code and what it wrote, and what of that is against the promise.

Success is silent but for progress. A failure is one line that begins with `raydoa:`, the last one, and an exit code of
1 (failed), 2 (a mistake of the user's) or 130 (stopped). A traceback or a stack dump is a defect, whatever happened.
"""

import re
import signal
from collections.abc import Iterable
from dataclasses import dataclass

from .sweep import Place

_CODES = (0, 1, 2, 130)
_PROGRESS = re.compile(r"priced at \$|\[\d\d:\d\d\] \d+/\d+ trials; ")
_TRACEBACK = "Traceback (most recent call last)"
_DUMPS = (
    "*** SIG",
    "Stack trace:",
    "PC: @",
    "Fatal Python error",
    " C  Check failed",
    "terminate called",
)
_OUR_LINE = "raydoa: "
_LONGEST = 300


@dataclass(frozen=True)
class Said:
    """Of one run of a command.

    Attributes:
        code: the exit code; negative: the signal that ended it.
        last: the last line on standard error that is not progress.
        others: the last of the other lines that are not progress.
        noise: how many lines there are beside progress and the final line of a failure: Ray's, or warnings of ours.
    """

    code: int
    seconds: float
    last: str
    others: tuple[str, ...]
    noise: int
    broken: tuple[str, ...]


def said(place: Place, run: int, code: int, seconds: float, killed: bool) -> Said:
    """Read what a run wrote; ``killed``: a fault killed the command itself, which can say nothing then."""
    lines = [line for line in place.said(run, "err").splitlines() if line.strip()]
    told = [line for line in lines if not _PROGRESS.match(line)]
    ended_by_us = killed and code == -signal.SIGKILL
    ours = [line for line in told if line.startswith(_OUR_LINE)]
    broken = []
    if any(_TRACEBACK in line for line in lines):
        broken.append("traceback")
    if any(mark in line for line in lines for mark in _DUMPS):
        broken.append("stack dump")
    if code not in _CODES and not ended_by_us:
        broken.append(f"exit code {code}")
    if code != 0 and not ended_by_us and (len(ours) != 1 or told[-1:] != ours):
        broken.append(f"{len(ours)} final lines")
    noise = len(told) - (code != 0 and len(ours) == 1)
    last, *others = [_short(line) for line in reversed(told)] or [""]
    return Said(code, round(seconds, 1), last, tuple(others[:5]), noise, tuple(broken))


def made_in_vain(place: Place) -> int:
    """How many builds found at their end that another had been first, as the workers' logs say."""
    logs: Iterable[str] = (
        path.read_text(encoding="utf-8", errors="replace")
        for path in place.ray.glob("ray/session_2*/logs/worker*.err")
    )
    return sum(log.count("was made twice; the first one stays") for log in logs)


def _short(line: str) -> str:
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "..."
