"""What a command can end with beside success, each told in one line.

| error | meaning | exit code |
|---|---|---|
| `UserError` | a mistake in an input: file, field or flag, what was found, what is allowed or what to do next | 2 |
| `RunFailed` | a run failed through no mistake of the user's: what failed, and where its traceback is | 1 |
| `Interrupted` | the run was stopped, and how to resume it | 130 |

So can an `OSError` of a full disk (`NO_SPACE`), with 2. A traceback always means a defect of ours.
"""

import errno

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
"""The numbers of an `OSError` with which a disk or a quota says that it is full."""


class UserError(ValueError):
    """A mistake in input or configuration; the message says what to do about it."""


class Unreachable(UserError):
    """A file, dataset or model cannot be reached from here; planning can go on without it."""


class InsufficientResources(UserError):
    """The cluster, as it stands, is too small; another node may come."""


class UnlabelableRow(UserError):
    """A row for which a model cannot generate; ``row_id`` names it."""

    def __init__(self, row_id: str, why: str) -> None:
        super().__init__(row_id, why)
        self.row_id, self.why = row_id, why

    def __str__(self) -> str:
        return f"row {self.row_id} cannot be labelled: {self.why}; mend or remove it and run again"


class RunFailed(RuntimeError):
    """Stages or cells failed, and not through a mistake of the user's; the message says which, and what to look at."""


class Interrupted(Exception):
    """Work that was stopped before its end; the message says how to resume it."""


class ClusterDied(RunFailed):
    """A run lost its cluster. It was said on standard error when it happened: Ray may end the process at any moment."""


class StoppedAtOnce(Interrupted):
    """A run was ended without waiting for anything, and so was its cluster; said as that of `ClusterDied`."""


def did_you_mean(word: str, candidates: list[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the known word nearest to ``word``, or an empty string."""
    import difflib

    near = difflib.get_close_matches(word, candidates, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
