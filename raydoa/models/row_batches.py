"""Rows through a model in batches: a row that it fails on is found and named.

Rows are sorted by length, so a batch pads little; the result of a row does not depend on its batch beyond float rounding.
"""

import logging
from collections.abc import Callable, Iterator, Sequence

import torch

from raydoa.errors import UnlabelableRow
from raydoa.training.batches import Example
from raydoa.training.soft_labels import Generated

logger = logging.getLogger(__name__)


def in_batches(
    together: Callable[[Sequence[Example]], list[Generated]],
    sources: Sequence[Example],
    *,
    vocabulary: int,
    batch_size: int,
) -> Iterator[Generated]:
    """What ``together`` makes of every row, shortest sources first.

    Raises:
        UnlabelableRow: a row has no tokens or unknown ones (from ``vocabulary`` on), the model fails on it, or its numbers
            are not finite. A batch that fails is tried again row by row to find out which.
        torch.OutOfMemoryError: a batch does not fit; that is no row's fault.
    """
    for row in sources:
        _check_ids(row, vocabulary)
    ordered = sorted(sources, key=lambda example: len(example.source_ids))
    for start in range(0, len(ordered), batch_size):
        batch = ordered[start : start + batch_size]
        try:
            rows = together(batch)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, IndexError, ValueError) as error:
            logger.warning("%d rows failed (%s); trying them one by one", len(batch), _why(error))
            rows = [_alone(together, row) for row in batch]
        for written in rows:
            for what, numbers in (("states", written.states), ("scores", written.log_probs)):
                if numbers is not None and not bool(torch.isfinite(numbers).all()):
                    raise UnlabelableRow(written.row_id, f"the model's {what} are not finite")
        yield from rows


def scored(rows: Sequence[Example], scores: torch.Tensor) -> list[Generated]:
    """The likeliest class of each row, and the log-probabilities of all, of ``scores [rows, classes]``."""
    log_probs = torch.log_softmax(scores.float(), dim=-1).cpu().clone()
    best = log_probs.argmax(-1).tolist()
    return [
        Generated(row.row_id, (best[i],), log_probs=log_probs[i : i + 1])
        for i, row in enumerate(rows)
    ]


def _check_ids(row: Example, vocabulary: int) -> None:
    """On a GPU an unknown id would end the whole process, and name nobody."""
    if not row.source_ids:
        raise UnlabelableRow(row.row_id, "its source has no tokens")
    for token in (min(row.source_ids), max(row.source_ids)):
        if not 0 <= token < vocabulary:
            why = f"token id {token} is outside the vocabulary of {vocabulary}"
            raise UnlabelableRow(row.row_id, why)


def _alone(together: Callable[[Sequence[Example]], list[Generated]], row: Example) -> Generated:
    try:
        return together([row])[0]
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, IndexError, ValueError) as error:
        raise UnlabelableRow(row.row_id, _why(error)) from error


def _why(error: Exception) -> str:
    """The first line of an error, or its name if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
