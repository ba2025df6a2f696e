"""The error that a stage raised, unwrapped from what Ray puts around it on its way to the driver."""

from collections.abc import Sequence

from raydoa.errors import RunFailed, UserError
from raydoa.store.record import DamagedArtifact
from raydoa.store.store import MissingArtifact

ACTIONABLE = (UserError, DamagedArtifact, MissingArtifact)
"""Errors that a build or the user can do something about."""


def actionable_cause(error: BaseException) -> Exception | None:
    """The first error behind ``error`` that is one of `ACTIONABLE`, as it was raised.

    Ray's own errors carry the original as ``cause``, and may be of its class as well, but with a traceback for
    a message.
    """
    link: BaseException | None = error
    while link is not None:
        original = getattr(link, "cause", None)
        for candidate in (original, link):
            if isinstance(candidate, ACTIONABLE):
                return candidate
        link = original if isinstance(original, BaseException) else link.__cause__
    return None


def error_in(text: str) -> Exception:
    """The error that a traceback ends with: a `UserError` as such, any other as a `RuntimeError` with the whole text."""
    lines = text.strip().splitlines()
    names = tuple(f"{kind.__module__}.{kind.__qualname__}: " for kind in _mistakes())
    # An error's own text may have several lines; those of a traceback's frames are indented.
    for number in range(len(lines) - 1, -1, -1):
        if lines[number].startswith(names):
            message = " ".join(lines[number:]).partition(": ")[2]
            return UserError(" ".join(message.split()))
        if lines[number].startswith((" ", "Traceback", "Failure #")):
            break
    return RuntimeError(text)


def _mistakes() -> list[type[UserError]]:
    """`UserError` and all its kinds that this process knows."""
    kinds = [UserError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return kinds


def failure_of_cells(errors: Sequence[BaseException], message: str) -> UserError | RunFailed:
    """What a run with failed cells ends with: the user's mistake if one is behind any of ``errors``, else a failure."""
    causes = [actionable_cause(error) or error for error in errors]
    mistakes = [cause for cause in causes if isinstance(cause, UserError)]
    first = (mistakes or causes)[0]
    return (UserError if mistakes else RunFailed)(f"{message}: {last_line(first)}")


def why_line(error: BaseException) -> str:
    """The line of Ray's message that says why something died; its last line may be advice."""
    lines = [line.strip() for line in str(error).splitlines()]
    found = (line for line in lines if " because " in line or " due to " in line)
    return next(found, last_line(error))


def last_line(error: BaseException) -> str:
    """The last line of an error's message that is not blank: Ray puts the cause there."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
