"""Which error a run with failed cells ends with, from what Ray wraps around it."""

import pytest
from ray.exceptions import RayTaskError

from raydoa.errors import RunFailed, UserError
from raydoa.on_ray.error_causes import (
    actionable_cause,
    error_in,
    failure_of_cells,
    last_line,
    why_line,
)
from raydoa.on_ray.label_pool import LabelPoolFailed
from raydoa.pipeline.builder import StageFailed

MISTAKE = UserError("row pool-7 cannot be labelled")


def _wrapped(cause: Exception) -> Exception:
    """As a trial's error reaches the driver."""
    return RayTaskError("f", f"Traceback ...\n{cause}", cause).as_instanceof_cause()


def test_the_error_at_the_end_of_a_traceback() -> None:
    """Tune keeps a trial's errors as text, one after the other."""
    head = "Failure # 1 (occurred at ...)\nray::f()\n  File ...\nValueError: first\n\nFailure # 2 (...)\n  File ...\n"
    mistake = error_in(f"{head}raydoa.errors.UnlabelableRow: {MISTAKE}\n")
    assert isinstance(mistake, UserError) and str(mistake) == str(MISTAKE)
    for last in (
        "raydoa.errors.RunFailed: no: way",
        "os.UserError: not ours",
        "raydoa.errors.UserError",
    ):
        other = error_in(head + last)
        assert not isinstance(other, UserError) and last_line(other) == last


def test_a_mistake_is_unwrapped() -> None:
    assert actionable_cause(_wrapped(MISTAKE)) is MISTAKE
    assert actionable_cause(_wrapped(RuntimeError("CUDA error"))) is None


@pytest.mark.parametrize(
    ("causes", "kind", "message"),
    [
        ([MISTAKE], UserError, "cells failed: row pool-7 cannot be labelled"),
        ([StageFailed("UnlabelableRow: row pool-7"), MISTAKE], UserError, "row pool-7 cannot be labelled"),
        ([RuntimeError("CUDA error")], RunFailed, "cells failed: CUDA error"),
        ([LabelPoolFailed("labelling failed"), ValueError("no")], RunFailed, "cells failed: labelling failed"),
    ],
)  # fmt: skip
def test_an_input_of_the_users_is_named_first(
    causes: list[Exception], kind: type[Exception], message: str
) -> None:
    failure = failure_of_cells([_wrapped(cause) for cause in causes], "cells failed")
    assert type(failure) is kind
    assert str(failure).endswith(message)


def test_the_line_that_says_why() -> None:
    died = "The actor died.\n\tclass_name: X\nThe actor is dead because its worker process has died. Exit: SYSTEM_ERROR\nSee https://docs.example."
    assert why_line(RuntimeError(died)).startswith(
        "The actor is dead because its worker process has died"
    )
    assert why_line(RuntimeError("first\nlast")) == "last"
