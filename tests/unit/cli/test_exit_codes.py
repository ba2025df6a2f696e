"""What a command ends with: 2 for a mistake of the user's, 1 for a run that failed, 130 for one that was stopped."""

import errno
import signal
from collections.abc import Iterator

import pytest

from raydoa.cli import doctor
from raydoa.errors import InsufficientResources, Interrupted, RunFailed, UserError
from raydoa.pipeline.builder import StageFailed
from tests.unit.cli.conftest import Run


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("sweep.yaml: n: found -1; expected a count"), 2),
        (InsufficientResources("needs 9 x 1 CPU"), 2),
        (OSError(errno.ENOSPC, "No space left on device", "/store"), 2),
        (RunFailed("2 of 3 cells failed; tracebacks are in\n  results/*/error.txt"), 1),
        (StageFailed("RuntimeError: CUDA error"), 1),
        (Interrupted("stopped with 1 of 3 cells done"), 130),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_an_error_is_one_line_and_an_exit_code(
    error: Exception, code: int, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(options: object) -> int:
        raise error

    monkeypatch.setattr(doctor, "_check_cluster", fail)
    ended = run("doctor")
    assert ended.code == code and ended.out == ""
    assert ended.err.startswith("raydoa: ") and ended.err.count("\n") == 1


@pytest.fixture
def _in_the_foreground() -> Iterator[None]:
    """A shell starts what it runs in the background with SIGINT ignored, tests as well."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_in_the_foreground")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_one_line(
    number: signal.Signals, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it comes, both are the same, and the handlers of before are put back."""
    monkeypatch.setattr(doctor, "_check_cluster", lambda options: signal.raise_signal(number))
    before = signal.getsignal(number)
    ended = run("doctor")
    assert ended.code == 130 and ended.out == ""
    assert ended.err == "raydoa: stopped; the same command goes on from there\n"
    assert signal.getsignal(number) is before


def test_a_defect_keeps_its_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(options: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(doctor, "_check_cluster", fail)
    with pytest.raises(OSError, match="Input/output error"):
        run("doctor")
