"""Tasks from real learning curves that nobody here simulated: `setfit.csv`, of the repository huggingface/setfit.

The file has curves of a small student on labels, of the same student distilled from one teacher (16 labels a class) by
the size of the pool, and of four larger models fine-tuned on 2 to 64 labels a class. What joining them assumes:
- a distilled student scores its teacher's score times the share that the measured student kept of its teacher at
  that U; for data sets without a distilled student, the mean of the shares of those that have one;
- data sets without a curve of the student on labels take that of `distilbert-base-uncased`, the smallest model;
- halving the student's steps costs half of what halving the pool does;
- prices are ours: $0.20 a label, compute by the models' sizes, and the largest teacher's fine-tuning on N labels is $3.
"""

import csv
import math
import statistics
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from raydoa.costs.plan import Plan
from raydoa.costs.question import Question, Supply
from raydoa.search.space import Space

from .curve import Curve
from .prices import (
    TabulatedPrices,
    TeacherPrices,
    Training,
    epochs_share,
    labels_of,
    question_at,
    recipes_of,
)
from .problems import Noise, Problem

_CLASSES = {"ag_news": 4, "sst5": 5, "SentEval-CR": 2, "amazon_counterfactual_en": 2}
_MODELS = {
    "distilbert-base-uncased": 66e6,
    "paraphrase-mpnet-base-v2-epochs_20": 110e6,
    "roberta-large": 355e6,
    "all-roberta-large-v1": 356e6,
}
_STUDENT = 17e6
_OWNED_A_CLASS = 8
_LABEL_USD = 0.20
_LARGEST_USD = 3.0
_POOL = 1000
_SHARD_ROWS = 8

Scores = Mapping[tuple[str, str, str], Mapping[int, list[float]]]
"""By kind, source and data set, by examples: the seeds' scores, 0 to 1."""


def curve_tasks(folder: Path) -> list[Problem]:
    """Two budgets for each of four data sets; none, with a message, where the file is absent."""
    path = folder / "setfit.csv"
    if not path.exists():
        print(f"no tasks from real curves: {path} is absent (--curves FOLDER)")
        return []
    scores = read(path)
    problems = []
    for data, classes in _CLASSES.items():
        most_bought = _LABEL_USD * classes * (64 - _OWNED_A_CLASS)
        problems += [_problem(scores, data, share * most_bought) for share in (0.25, 1.0)]
    return problems


def read(path: Path) -> Scores:
    """All curves of the file."""
    scores: dict[tuple[str, str, str], dict[int, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    with path.open(newline="") as lines:
        for row in csv.DictReader(lines):
            key = (row["kind"], row["source"], row["dataset"])
            scores[key][int(row["examples"])].append(float(row["score"]) / 100)
    return scores


@dataclass(frozen=True)
class Joined:
    """The surface of joined curves: the student's on labels, the teachers' on labels, and the share kept by U."""

    question: Question
    annotate: Curve
    teachers: Mapping[str, Curve]
    kept: Curve

    def __call__(self, plan: Plan) -> float:
        """The expected score."""
        teacher, labels = plan.choice("teacher"), labels_of(plan)
        if teacher is None:
            return max(0.0, self.annotate(labels))
        epochs = epochs_share(plan, self.question)
        kept = self.kept(plan.quantity("pseudo_labels") * math.sqrt(epochs))
        return max(0.0, self.teachers[teacher](labels) * kept)


def _problem(scores: Scores, data: str, budget_usd: float) -> Problem:
    classes = _CLASSES[data]
    name = f"{data} B={budget_usd:g}"
    question = _question(name, classes)
    teachers = {model: _curve(scores["fine_tune", model, data], classes) for model in _MODELS}
    alone = _student(scores, "annotate_student", data)
    annotate = _curve(alone, 1) if alone else teachers["distilbert-base-uncased"]
    surface = Joined(question, annotate, teachers, _kept(scores, data))
    space = Space(question, budget_usd)
    return Problem(name, "real curves", space, surface, _noise(scores, data))


def _question(task: str, classes: int) -> Question:
    owned = _OWNED_A_CLASS * classes
    training = Training(16, 20)
    largest = max(_MODELS.values())
    step = _LARGEST_USD / (training.epochs * math.ceil(owned / training.batch_size)) / largest
    teachers = tuple(
        TeacherPrices(model, size, step * size, step * size / 48, 1.3 * step * _STUDENT)
        for model, size in _MODELS.items()
    )
    labels = 256 * classes
    prices = TabulatedPrices(_LABEL_USD, step * _STUDENT, teachers)
    recipes = recipes_of(training, training, training)
    return question_at(prices, task, owned, recipes, Supply(labels, _POOL), _SHARD_ROWS)


def _curve(by_examples: Mapping[int, list[float]], classes: int) -> Curve:
    return Curve.of({n * classes: statistics.fmean(seeds) for n, seeds in by_examples.items()})


def _student(scores: Scores, kind: str, data: str) -> Mapping[int, list[float]] | None:
    return next((curve for key, curve in scores.items() if (key[0], key[2]) == (kind, data)), None)


def _kept(scores: Scores, data: str) -> Curve:
    """Share of the teacher's score that the distilled student kept, by U."""
    of_data: dict[str, dict[int, float]] = {}
    for kind, _, other in scores:
        students = _student(scores, kind, other) if kind == "distill_student" else None
        teacher = _student(scores, "teacher", other)
        if students and teacher:
            whole = statistics.fmean(teacher[16])
            of_data[other] = {u: statistics.fmean(seeds) / whole for u, seeds in students.items()}
    measured = [of_data[data]] if data in of_data else list(of_data.values())
    return Curve.of({u: statistics.fmean(shares[u] for shares in measured) for u in measured[0]})


def _noise(scores: Scores, data: str) -> Noise:
    """Teachers' seeds at N labels a class, and students' at large pools; both fall with the labels as measured."""
    few = [statistics.stdev(scores["fine_tune", model, data][_OWNED_A_CLASS]) for model in _MODELS]
    many = [statistics.stdev(scores["fine_tune", model, data][64]) for model in _MODELS]
    fall = math.log(statistics.fmean(few) / statistics.fmean(many)) / math.log(64 / _OWNED_A_CLASS)
    students = _student(scores, "distill_student", data)
    student = statistics.stdev(students[200]) if students else 0.01
    return Noise(statistics.fmean(few), student, by_labels=max(0.0, fall))
