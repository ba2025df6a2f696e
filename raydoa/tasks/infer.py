"""A task from its files alone: what the rows show of it, each field with its reason; what they cannot show is left to say."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from raydoa.errors import UserError
from raydoa.tasks.data import Row
from raydoa.tasks.metrics.entities import parse_entities
from raydoa.tasks.reading.labels import Labels, fold, is_missing, number_as_text
from raydoa.tasks.reading.notes import Notes
from raydoa.tasks.reading.rows import Part
from raydoa.tasks.task import CLOSED_METRICS, MetricName, TaskSpec

_MOST_CLASSES = 50
_ROWS_OF_A_CLASS = 4
"""Targets that come up less often than so on average are no classes, but text."""
_LOPSIDED = 0.6
"""Share of the most frequent class from which accuracy says little of the others."""
_TOKENS_OF_A_WORD = 1.5
_ALL_BUT = 0.99
_STEP, _LONGEST = 32, 512
_SHORTEST_TARGET = 8
_LETTERS_OF_A_TOKEN = 2
_SHORT_ANSWER = 8


@dataclass(frozen=True)
class Inferred:
    """A field of a task, its value, and why it is so."""

    name: str
    value: Any
    why: str = ""

    @property
    def written(self) -> str:
        """Its value as YAML has it."""
        return json.dumps(self.value, ensure_ascii=False)


class _AnyLabels(Labels):
    """Labels of a task whose classes are not known; ``numbers``: where one is a number, if any is."""

    numbers: str | None = None

    def read(self, value: object, location: str) -> str | None:
        """Whatever it is, as text."""
        if isinstance(value, list) and len(value) < 2:
            value = value[0] if value else None
        if isinstance(value, int | float) and not is_missing(value):
            self.numbers = location
            return number_as_text(value)
        read = super().read(value, location)
        return read if read and read.strip() else None


@dataclass(frozen=True)
class Found:
    """What rows show: the fields of a task, and what was done to read them."""

    fields: tuple[Inferred, ...]
    notes: tuple[str, ...]


def infer(probe: TaskSpec, metric: str | None = None, classes: Sequence[str] = ()) -> Found:
    """The fields of a task that its labelled rows show.

    Args:
        probe: says where those are, and its columns; its metric and lengths are stand-ins.
        metric: of the task, if it is known.
        classes: the same.

    Raises:
        UserError: the rows cannot be read, or none has a label.
    """
    notes = Notes()
    labels = _AnyLabels(probe, str(probe.train), notes)
    labelled = [row for row in Part(probe, "train", notes, labels).rows(None) if row.target]
    if not labelled:
        raise UserError(f"{probe.train}: no rows")
    of_targets = list(_of_targets(labelled, metric, classes))
    if labels.numbers is not None and of_targets[0].value not in CLOSED_METRICS:
        raise UserError(f"{labels.numbers}: found a number, and too many others for classes; write targets as text")  # fmt: skip
    fields = [
        Inferred("name", probe.name, "of the file"),
        Inferred("prefix", f"{probe.name}: ", "put before each text, as T5 was trained"),
        *of_targets,
        *_lengths(labelled, of_targets[0].value in CLOSED_METRICS),
    ]
    return Found(tuple(fields), notes.lines)


def _of_targets(
    rows: Sequence[Row], metric: str | None, classes: Sequence[str]
) -> Iterator[Inferred]:
    """Metric and classes."""
    targets = Counter(row.target or "" for row in rows)
    kinds = _entity_types(targets)
    if metric == "entity_f1" or (metric is None and kinds):
        yield Inferred("metric", "entity_f1", "targets are spans with a type in brackets")
        yield Inferred("classes", classes or kinds, "the types, the most frequent first")
        return
    names = list(classes) or _named(targets)
    few = len(names) <= _MOST_CLASSES and len(rows) >= _ROWS_OF_A_CLASS * len(names)
    if metric in CLOSED_METRICS or (metric is None and (classes or few)):
        yield from _closed(rows, targets, names, few=few or bool(classes))
    elif metric is None and len(names) == 1:
        raise _nothing_to_learn(rows, names)
    else:
        yield _of_text(rows, targets, len(names))


def _closed(
    rows: Sequence[Row], targets: Counter[str], names: Sequence[str], *, few: bool
) -> Iterator[Inferred]:
    if len(names) == 1:
        raise _nothing_to_learn(rows, names)
    if not few:
        raise UserError(
            f"classes: missing, and {len(names):,} targets in {len(rows):,} rows are too many to be taken for classes: list them"
        )
    share = max(targets.values()) / len(rows)
    metric: MetricName = "macro_f1" if share > _LOPSIDED else "accuracy"
    yield Inferred("metric", metric, f"{len(names)} targets in {len(rows):,} rows, the most frequent in {share:.0%}")  # fmt: skip
    yield Inferred("classes", names, "the most frequent first")


def _nothing_to_learn(rows: Sequence[Row], names: Sequence[str]) -> UserError:
    return UserError(
        f"all {len(rows):,} rows have the target {names[0]!r}: there is nothing to learn"
    )


def _of_text(rows: Sequence[Row], targets: Counter[str], different: int) -> Inferred:
    words = sorted(len(target.split()) for target in targets.elements())
    middle = words[len(words) // 2]
    why = f"{different:,} targets in {len(rows):,} rows, of {middle} words in the middle"
    if middle <= _SHORT_ANSWER:
        return Inferred("metric", "squad_f1", why)
    told = "; it scores paraphrases: squad_f1 says of other texts how many words are right"
    return Inferred("metric", "bert_ibleu", why + told)


def _named(targets: Counter[str]) -> list[str]:
    """Classes, the most frequent first, each as it is written most often."""
    names: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for target, count in targets.most_common():
        folded = fold(target)
        names.setdefault(folded, target.strip())
        counts[folded] += count
    return [names[folded] for folded, _ in counts.most_common()]


def _entity_types(targets: Counter[str]) -> list[str]:
    """The types of entities, if all targets that are not empty are such."""
    types: Counter[str] = Counter()
    for target, count in targets.items():
        found = [part.rpartition("[")[2] for part in target.split("]")[:-1]]
        if not (found and target.rstrip().endswith("]") and parse_entities(target, found)):
            return []
        types.update({kind: count * found.count(kind) for kind in found})
    return [kind for kind, _ in types.most_common()]


def _lengths(rows: Sequence[Row], of_classes: bool) -> Iterator[Inferred]:
    sources = sorted(len(row.source.split()) for row in rows)
    most = sources[min(len(sources) - 1, int(_ALL_BUT * len(sources)))]
    length = min(_LONGEST, _STEP * math.ceil((most * _TOKENS_OF_A_WORD + 2) / _STEP))
    yield Inferred("source_length", length, f"tokens; of 100 texts 99 have {most} words or fewer")
    longest = max(len((row.target or "").split()) for row in rows)
    target = max(_SHORTEST_TARGET, 2 * longest + 2)
    if of_classes:
        # Names of classes may be long words that no tokenizer knows.
        letters = max(len(row.target or "") for row in rows)
        target = max(target, letters // _LETTERS_OF_A_TOKEN + 2)
    yield Inferred("target_length", target, f"tokens; the longest target has {longest} words")


def yaml_lines(fields: Sequence[Inferred]) -> Iterator[str]:
    """A YAML file, each value with its reason behind it."""
    for field in fields:
        why = f"  # {field.why}" if field.why else ""
        yield f"{field.name}: {field.written}{why}"
