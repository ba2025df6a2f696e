"""The error that a stage raised, out of what Ray wraps around it on its way to the driver."""

from raydoa.errors import UserError
from raydoa.store.record import DamagedArtifact
from raydoa.store.store import MissingArtifact

UNDERSTOOD = (UserError, DamagedArtifact, MissingArtifact)
"""Errors that a build or the user can do something about."""


def understood(error: BaseException) -> Exception | None:
    """The first error behind ``error`` that is one of `UNDERSTOOD`, as it was raised.

    Ray's own errors carry the original as ``cause``, and may be of its class as well, but with a traceback for
    a message.
    """
    seen: BaseException | None = error
    while seen is not None:
        original = getattr(seen, "cause", None)
        for candidate in (original, seen):
            if isinstance(candidate, UNDERSTOOD):
                return candidate
        seen = original if isinstance(original, BaseException) else seen.__cause__
    return None
