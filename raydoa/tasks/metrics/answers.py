"""Exact match and token F1 of short answers, as in SQuAD (Rajpurkar et al. 2016, 2018).

Both texts are lowercased, and lose punctuation, the articles a, an and the, and extra blanks. F1 is
that of the two bags of words, averaged over rows; where one of them is empty after that, it is 1 if
both are, else 0 (the rule of SQuAD 2.0). There is one gold answer a row. The paper's form differs
in dropping rows with an empty source or target.
"""

import re
import string
from collections import Counter

from raydoa.tasks.metrics.statistic import MetricStatistics, Outputs, mean_of

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalised(answer: str) -> str:
    """The answer as it is compared."""
    bare = answer.lower().translate(_NO_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def token_f1(prediction: str, target: str) -> float:
    """F1 of the words of two answers."""
    predicted, gold = normalised(prediction).split(), normalised(target).split()
    if not predicted or not gold:
        return float(predicted == gold)
    shared = sum((Counter(predicted) & Counter(gold)).values())
    return 2 * shared / (len(predicted) + len(gold))


def answer_metric(metric: str, outputs: Outputs) -> MetricStatistics:
    """``exact_match``: share of rows whose output is the gold answer; ``squad_f1``: mean F1 of their words."""
    pairs = list(zip(outputs.predictions, outputs.targets, strict=True))
    values = {
        "exact_match": [float(normalised(one) == normalised(other)) for one, other in pairs],
        "squad_f1": [token_f1(one, other) for one, other in pairs],
    }
    parts = {name: mean_of(column) for name, column in values.items()}
    rows = zip(outputs.sources, outputs.targets, values[metric], strict=True)
    kept = [value for source, target, value in rows if source and target]
    return MetricStatistics(parts[metric], mean_of(kept) if kept else None, parts)
