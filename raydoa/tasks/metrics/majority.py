"""What no model has to be trained for: the score of always giving the answer that is the most frequent among the labels."""

from collections import Counter
from collections.abc import Sequence

from raydoa.tasks.data import Row
from raydoa.tasks.metrics import MEASURES
from raydoa.tasks.metrics.statistic import Outputs
from raydoa.tasks.task import TaskSpec


def majority_score(labelled: Sequence[Row], test: Sequence[Row], spec: TaskSpec) -> float | None:
    """The strict score on ``test`` of the most frequent target of ``labelled``, the first of those that are as frequent.

    None where no answer is the same for every source: a paraphrase is held against its source.
    """
    if spec.metric == "bert_ibleu" or not labelled or not test:
        return None
    [(answer, _)] = Counter(row.target or "" for row in labelled).most_common(1)
    outputs = Outputs(
        [row.source for row in test],
        [answer] * len(test),
        [row.target or "" for row in test],
        spec.classes,
    )
    score = MEASURES[spec.metric](outputs).score
    return None if score is None else score.value()
