"""Accuracy and macro F1 of tasks whose target is one of a few classes.

An output is read as a class without regard to case and to blanks around it. In the strict form an
output that is no class is wrong: it misses its gold class and counts for no other. In the paper's
form it is taken for class 0, the first of the task's classes, so it may even be right.

Parts: both metrics in both forms, and ``unparsable``, the share of outputs that are no class.
"""

import numpy as np

from raydoa.tasks.metrics.statistic import (
    Ints,
    MetricStatistics,
    Outputs,
    Statistic,
    class_rows,
    macro_f1,
    mean_of,
)

_NO_CLASS = -1


def class_metric(metric: str, outputs: Outputs) -> MetricStatistics:
    """``accuracy``: share of rows whose output is the gold class; ``macro_f1``: mean F1 of the classes that occur."""
    number = {folded(name): index for index, name in enumerate(outputs.classes)}
    gold = np.array([number[folded(target)] for target in outputs.targets])
    strict = np.array([number.get(folded(text), _NO_CLASS) for text in outputs.predictions])
    lenient = np.maximum(strict, 0)
    parts = {
        "accuracy": mean_of(gold == strict),
        "macro_f1": _macro_f1(gold, strict, len(number)),
        "paper_accuracy": mean_of(gold == lenient),
        "paper_macro_f1": _macro_f1(gold, lenient, len(number)),
        "unparsable": mean_of(strict == _NO_CLASS),
    }
    return MetricStatistics(score=parts[metric], paper=parts[f"paper_{metric}"], parts=parts)


def _macro_f1(gold: Ints, predicted: Ints, classes: int) -> Statistic:
    return Statistic(class_rows(gold, predicted, classes), macro_f1)


def folded(text: str) -> str:
    """What an output and a class have in common that are the same."""
    return text.strip().casefold()
