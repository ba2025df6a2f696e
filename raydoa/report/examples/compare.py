"""Two models on the same rows: how often both are right, which rows only one has right, and which classes each mistakes."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from raydoa.report.examples.evaluations import Evaluation, Unreadable
from raydoa.tasks.metrics.classes import folded

MOST_ROWS, MOST_CHARACTERS, MOST_CLASSES = 20, 300, 12
_OTHERS, _NO_CLASS = "other classes", "no class"

Json = dict[str, Any]


def compare(first: Evaluation, second: Evaluation, *, texts: bool) -> Json:
    """Counts; up to `MOST_ROWS` rows that only the first has right, and only the second; confusion of both, by class.

    Args:
        first: of the plan that is recommended.
        second: of its rival.
        texts: whether what rows say is part of it.

    Raises:
        Unreadable: they were scored on other rows, or their metric knows no right answer.
    """
    where = {name: position for position, name in enumerate(second.ids)}
    if first.data != second.data or not where.keys() & set(first.ids):
        raise Unreadable("the two plans were scored on different rows")
    both = [(i, where[name]) for i, name in enumerate(first.ids) if name in where]
    outcome = Counter((first.right[i], second.right[j]) for i, j in both)
    only = [[(i, j) for i, j in both if (first.right[i], second.right[j]) == kind]
            for kind in ((True, False), (False, True))]  # fmt: skip
    return {
        "rows": len(both),
        "right": {
            "both": outcome[True, True], "first": outcome[True, False],
            "second": outcome[False, True], "none": outcome[False, False],
        },
        "examples": [[_example(first, second, i, j) for i, j in some[:MOST_ROWS]] for some in only] if texts else None,
        "confusion": _confusion(first, second) if first.closed_classes else None,
    }  # fmt: skip


def _example(first: Evaluation, second: Evaluation, i: int, j: int) -> Json:
    texts = {
        "source": first.sources[i], "target": first.targets[i],
        "first": first.predictions[i], "second": second.predictions[j],
    }  # fmt: skip
    return {name: _cut(text) for name, text in texts.items()}


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"


def _confusion(first: Evaluation, second: Evaluation) -> Json:
    """A line for each class of the rows, and in it how often each answer was given; rare classes are one."""
    names = {folded(name): name for name in first.closed_classes}
    frequent = Counter(names[folded(target)] for target in first.targets).most_common()
    shown = [name for name, _ in frequent[:MOST_CLASSES]]
    shown += [name for name in first.closed_classes if name not in shown][
        : MOST_CLASSES - len(shown)
    ]
    rest = [_OTHERS] if len(shown) < len(first.closed_classes) else []
    gold, said = [*shown, *rest], [*shown, *rest, _NO_CLASS]
    tables = [_table(one, names, gold, said) for one in (first, second)]
    return {"gold": gold, "said": said, "tables": tables}


def _table(one: Evaluation, names: dict[str, str], gold: Sequence[str], said: Sequence[str]) -> list[list[int]]:  # fmt: skip
    counts = Counter(_named(one, names, set(gold)))
    return [[counts[true, answer] for answer in said] for true in gold]


def _named(one: Evaluation, names: dict[str, str], shown: set[str]) -> Iterator[tuple[str, str]]:
    def called(name: str | None) -> str:
        if name is None:
            return _NO_CLASS
        return name if name in shown else _OTHERS

    for target, prediction in zip(one.targets, one.predictions, strict=True):
        yield called(names.get(folded(target))), called(names.get(folded(prediction)))
