"""What a user can get wrong.

A `UserError` carries one line for the person at the terminal: where it is (file, field or flag), what was
found, what is allowed or what to do next. Commands print that line and exit with code 2; a traceback
always means a defect of ours.
"""


class UserError(ValueError):
    """A mistake in input or configuration, told in one line that says what to do about it."""


class Unreachable(UserError):
    """A file, dataset or model cannot be reached from here; planning can go on without it."""


class InsufficientResources(UserError):
    """The cluster, as it stands, is too small; another node may come."""


class Interrupted(Exception):
    """Work that was stopped before its end; the message says how it goes on. Commands exit with code 130."""


def did_you_mean(word: str, known: list[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the known word nearest to ``word``, or an empty string."""
    import difflib

    near = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
