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
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from raydoa.tasks.metrics import answers, classes, entities, paraphrase
from raydoa.tasks.metrics.statistic import Measure, Outputs, bootstrap_interval
from raydoa.tasks.task import MetricName

logger = logging.getLogger(__name__)

MEASURES: Mapping[MetricName, Measure] = {
    "accuracy": partial(classes.class_metric, "accuracy"),
    "macro_f1": partial(classes.class_metric, "macro_f1"),
    "entity_f1": entities.entity_f1,
    "exact_match": partial(answers.answer_metric, "exact_match"),
    "squad_f1": partial(answers.answer_metric, "squad_f1"),
    "bert_ibleu": paraphrase.bert_ibleu,
}


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


def score_outputs(metric: MetricName, outputs: Outputs, seed: int) -> Scores:
    """Score what a model wrote for the test rows; equal seeds draw equal rows for the interval, whatever was written.

    Raises:
        UserError: the scoring model cannot be loaded.
    """
    rows = {len(outputs.sources), len(outputs.predictions), len(outputs.targets)}
    assert len(rows) == 1 and 0 not in rows, "one of each a row, and some rows"
    measured = MEASURES[metric](outputs)
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
