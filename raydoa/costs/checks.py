"""What is wrong with a request to plan a cell, told before anything is planned."""

import math

from raydoa.costs.tariff import Request
from raydoa.errors import UserError


def check(request: Request) -> None:
    """Check one request.

    Raises:
        UserError: a number is out of range, or the strategy and its fields do not fit.
    """
    if not (math.isfinite(request.budget_usd) and request.budget_usd >= 0):
        raise UserError(f"budget: found {request.budget_usd}; it is in dollars, at least 0")
    if request.n < 0:
        raise UserError(f"n: found {request.n}; it counts labelled examples, at least 0")
    if request.labels_available is not None and request.labels_available < 0:
        raise UserError(f"labels_available: found {request.labels_available}; it is at least 0")
    if request.strategy == "annotate":
        _check_annotate(request)
    elif request.strategy == "mixed":
        _check_mixed(request)
    else:
        _check_distill(request)
    if request.strategy != "mixed" and (request.allocation, request.label_share) != (None, None):
        raise UserError(
            f"allocation: {request.strategy} has none; only mixed splits its budget by shares"
        )


def _check_annotate(request: Request) -> None:
    for name in ("teacher", "u"):
        if getattr(request, name) is not None:
            raise UserError(
                f"{name}: found {getattr(request, name)!r}; annotate has none, leave it out"
            )
    if request.n == 0 and request.labels_available == 0:
        raise UserError(
            "n: found 0 with no labels to buy; annotate needs at least one labelled row"
        )


def _check_distill(request: Request) -> None:
    strategy = request.strategy
    if request.u is None or request.u < 1:
        raise UserError(f"u: found {request.u}; {strategy} needs a pool of at least 1 row")
    if request.n == 0:
        raise UserError(
            f"n: found 0; {strategy} fine-tunes a teacher on the labels, so N is at least 1"
        )
    if strategy == "distill" and request.teacher is None:
        raise UserError("teacher: missing; distill needs the name of a teacher")
    if strategy == "self_distill" and request.teacher not in (None, request.student):
        raise UserError(
            f"teacher: found {request.teacher!r}; in self_distill the student {request.student!r} "
            "is its own teacher, leave it out"
        )


def _check_mixed(request: Request) -> None:
    if (request.allocation is None) == (request.label_share is None):
        raise UserError("mixed: give either an allocation or a label share")
    if request.u is not None and request.u < 1:
        raise UserError(f"u: found {request.u}; a pool has at least 1 row")
    if request.n == 0 and request.labels_available == 0:
        raise UserError("n: found 0 with no labels to buy; mixed needs at least one labelled row")
    if request.allocation is None:
        _check_label_share(request)
    elif request.teacher is None and (
        request.allocation.teacher > 0 or request.allocation.pseudo_labels > 0
    ):
        raise UserError(
            "teacher: missing; the allocation has a share for a teacher or for pseudo-labels"
        )


def _check_label_share(request: Request) -> None:
    share = request.label_share
    assert share is not None
    if not (math.isfinite(share) and 0 <= share <= 1):
        raise UserError(f"label_share: found {share}; it is a fraction of the budget, from 0 to 1")
    for name in ("teacher", "u"):
        if getattr(request, name) is None:
            raise UserError(f"{name}: missing; mixed with a label share needs a teacher and a pool")
    if request.n == 0:
        raise UserError("n: found 0; mixed with a label share needs N of at least 1")
