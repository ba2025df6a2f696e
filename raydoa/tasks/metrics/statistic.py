"""Metrics as sums: what each row adds, and what the sums come to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Reduce: TypeAlias = Callable[[Floats], Floats]
"""Sums ``[..., k]`` to scores ``[...]``; never NaN, whatever rows were drawn."""

_DRAWN_AT_ONCE = 2**21


@dataclass(frozen=True)
class Outputs:
    """What is scored, and what must be known to score it.

    Attributes:
        sources: of the rows, without the task's prefix.
        predictions: what a model wrote for them, in the same order.
        targets: gold targets, in the same order.
        classes: classes or entity types of the task.
        scoring_model: folder of the BERTScore model (`TaskSpec.scoring_model`).
    """

    sources: Sequence[str]
    predictions: Sequence[str]
    targets: Sequence[str]
    classes: tuple[str, ...] = ()
    scoring_model: Path | None = None


@dataclass(frozen=True)
class Statistic:
    """Sufficient statistics of a metric: ``rows [rows, k]``, and ``reduce`` of their sums."""

    rows: Floats
    reduce: Reduce

    def value(self) -> float:
        """The metric over all rows."""
        return float(self.reduce(self.rows.sum(axis=0)))


@dataclass(frozen=True)
class MetricStatistics:
    """What a metric found: its strict form, the paper's form, and parts by name.

    ``score`` is None where the metric cannot be computed; ``missing`` then says what it needs.
    ``paper`` is None where it cannot, or where the paper's code would drop every row.
    """

    score: Statistic | None
    paper: Statistic | None
    parts: Mapping[str, Statistic] = field(default_factory=dict)
    missing: str | None = None


Measure: TypeAlias = Callable[[Outputs], MetricStatistics]


def mean_of(values: Sequence[float] | Sequence[bool] | Floats) -> Statistic:
    """The mean over rows, of one number a row."""
    column = np.asarray(values, dtype=np.float64)
    return Statistic(np.stack([column, np.ones_like(column)], axis=1), _ratio)


def _ratio(sums: Floats) -> Floats:
    return np.asarray(sums[..., 0] / sums[..., 1])


def micro_f1(sums: Floats) -> Floats:
    """F1 over all classes at once; sums ``[..., 3C]`` are hits, predicted, gold by class.

    2 hits / (predicted + gold), and 1 where nothing was to be found and nothing was.
    """
    hits, predicted, gold = (part.sum(axis=-1) for part in np.split(sums, 3, axis=-1))
    return _f1(hits, predicted + gold, empty=1.0)


def macro_f1(sums: Floats) -> Floats:
    """Mean F1 of the classes that occur in gold or predictions; sums as in `micro_f1`.

    As scikit-learn's ``f1_score(average="macro")``; 1 where no class occurs at all.
    """
    hits, predicted, gold = np.split(sums, 3, axis=-1)
    occurs = (predicted + gold > 0).sum(axis=-1)
    total = _f1(hits, predicted + gold, empty=0.0).sum(axis=-1)
    mean: Floats = np.divide(total, occurs, out=np.ones_like(total), where=occurs > 0)
    return mean


def class_rows(gold: Sequence[int] | Ints, predicted: Sequence[int] | Ints, classes: int) -> Floats:
    """Statistics ``[rows, 3 classes]`` for `micro_f1` and `macro_f1` of one class a row.

    A prediction of -1 is a prediction of no class.
    """
    # The last row, which a negative index picks, is no class.
    one_hot = np.concatenate([np.eye(classes), np.zeros((1, classes))])
    of_gold, of_predicted = one_hot[np.asarray(gold, int)], one_hot[np.asarray(predicted, int)]
    return np.concatenate([of_gold * of_predicted, of_predicted, of_gold], axis=1)


def _f1(hits: Floats, predicted_and_gold: Floats, *, empty: float) -> Floats:
    out = np.full_like(predicted_and_gold, empty)
    return np.divide(2 * hits, predicted_and_gold, out=out, where=predicted_and_gold > 0)


def bootstrap_interval(
    statistic: Statistic, seed: int, *, resamples: int = 1000, coverage: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap over rows (Efron 1979): the score of rows drawn with replacement.

    Sums over drawn rows are counts times statistics, so resamples are one matrix product.
    """
    rows = len(statistic.rows)
    rng = np.random.default_rng(seed)
    scores: list[Floats] = []
    left = resamples
    while left:
        now = min(left, max(1, _DRAWN_AT_ONCE // rows))
        drawn = rng.integers(rows, size=(now, rows)) + np.arange(now)[:, None] * rows
        counts = np.bincount(drawn.ravel(), minlength=now * rows).reshape(now, rows)
        scores.append(statistic.reduce(counts @ statistic.rows))
        left -= now
    tail = (1 - coverage) / 2
    low, high = np.quantile(np.concatenate(scores), [tail, 1 - tail])
    return float(low), float(high)
