"""Which single rows a model gets right, whatever the metric: those whose own score is 1."""

from raydoa.tasks.metrics import MEASURES
from raydoa.tasks.metrics.statistic import Outputs
from raydoa.tasks.task import MetricName

_ROUNDING = 1e-9


def right_rows(metric: MetricName, outputs: Outputs) -> list[bool] | None:
    """Of each row whether the strict metric gives it all there is; None of a metric that knows no right answer."""
    if metric == "bert_ibleu":
        return None
    score = MEASURES[metric](outputs).score
    assert score is not None, "only a paraphrase's score needs a model"
    return [bool(one >= 1 - _ROUNDING) for one in score.reduce(score.rows)]
