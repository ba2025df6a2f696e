"""How outputs are scored: the strict metric as ``score``, the paper's own as ``score_paper``.

    outputs --measure--> statistics [rows, k] --sum--> sums [k] --reduce--> a number in [0, 1]

A metric is a `Statistic`: numbers that are added up over rows, and what their sums come to. So the
same reduce gives the score, and, from sums over rows drawn again with replacement, its bootstrap
interval.

Strict forms: each module's docstring has the formula of both.

    accuracy, macro_f1     `classes`      an output that is no class is wrong
    entity_f1              `entities`     spurious and repeated entities count
    exact_match, squad_f1  `answers`      as in SQuAD
    bert_ibleu             `paraphrase`   needs a BERTScore model; without one, its parts
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from raydoa.tasks.metrics import answers, classes, entities, paraphrase
from raydoa.tasks.metrics.statistic import Measure, Outputs, bootstrap_interval
from raydoa.tasks.task import MetricName

logger = logging.getLogger(__name__)

MEASURES: Mapping[MetricName, Measure] = {
    "accuracy": classes.accuracy,
    "macro_f1": classes.macro_f1,
    "entity_f1": entities.entity_f1,
    "exact_match": answers.exact_match,
    "squad_f1": answers.squad_f1,
    "bert_ibleu": paraphrase.bert_ibleu,
}


class Scored(Protocol):
    """What scoring must know of a task; a `TaskSpec` does, and so may a stage."""

    @property
    def metric(self) -> MetricName:
        """Name of the metric."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes or entity types."""
        ...


@dataclass(frozen=True)
class Scores:
    """Scores in [0, 1].

    Attributes:
        score: the strict metric; None where it cannot be computed (the reason is logged).
        score_paper: what the paper's code gives; None where that cannot be computed.
        score_low, score_high: 95% bootstrap interval of ``score`` over the test rows; of this model, not of another
            training of it.
        parts: what the scores are made of, and their relatives, by name.
    """

    score: float | None
    score_paper: float | None
    score_low: float | None
    score_high: float | None
    parts: dict[str, float]


def score_predictions(
    task: Scored,
    sources: Sequence[str],
    predictions: Sequence[str],
    targets: Sequence[str],
    seed: int,
    *,
    scoring_model: Path | None = None,
) -> Scores:
    """Score what a model wrote for the test rows.

    Args:
        task: its ``metric`` and ``classes``.
        sources: of the test rows, without the task's prefix.
        predictions: what the model wrote, in the same order.
        targets: gold targets, in the same order.
        seed: of the bootstrap; equal seeds draw equal rows, whatever the predictions.
        scoring_model: folder of the BERTScore model (`TaskSpec.scoring_model`).

    Raises:
        UserError: the scoring model cannot be loaded.
    """
    assert len(sources) == len(predictions) == len(targets) > 0, "one of each a row, and some rows"
    measured = MEASURES[task.metric](
        Outputs(tuple(sources), tuple(predictions), tuple(targets), task.classes, scoring_model)
    )
    low, high = None, None
    if measured.score is None:
        logger.warning("no score: %s", measured.missing)
    else:
        low, high = bootstrap_interval(measured.score, seed)
    return Scores(
        score=None if measured.score is None else measured.score.value(),
        score_paper=None if measured.paper is None else measured.paper.value(),
        score_low=low,
        score_high=high,
        parts={name: part.value() for name, part in measured.parts.items()},
    )
