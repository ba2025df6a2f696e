"""An LLM measured on owned rows, before it labels others: how good, how sure, how dear.

    rows with targets + their answers --measure--> Pilot --> a plan, or people (`raydoa.llm.pilot_lines`)

A row without a usable answer counts as wrong in ``score``, as it does for any model. Confusion and bias are of tasks with
classes, calibration (`raydoa.llm.calibration`) of those with soft labels.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from raydoa.llm.answer import Answer
from raydoa.llm.calibration import Calibration, calibrated
from raydoa.llm.inquiry import Inquiry
from raydoa.llm.reading import REFUSALS, Read, Refusal, read
from raydoa.llm.tokens import Usage
from raydoa.settings import Settings
from raydoa.tasks.data import Row
from raydoa.tasks.metrics import Scores, score_outputs
from raydoa.tasks.metrics.statistic import Ints, Outputs
from raydoa.tasks.task import CLOSED_METRICS, MetricName, TaskSpec

FEWEST_ROWS = 20
"""With fewer rows a pilot stops nothing: an interval of rows that are all wrong has no width."""

_REASONS_KEPT = 3
_NO_CLASS = -1


class Pilot(Settings):
    """What a pilot found.

    Attributes:
        llm, task, metric: of what.
        question: `Inquiry.fingerprint`.
        rows, shots: how many were asked about, and shown beside.
        score, score_low, score_high: of the task's metric with its 95% bootstrap interval; None: it needs a model that is not there.
        labelled_score: the same of the rows that got a label, which are those that a student learns from.
        constant, constant_score: the best answer that is the same for every row, and its score on these rows.
        classes: of the task, where it has any; then `confusion` has a row a class, with how often each class was said of it,
            and how often none, and `bias` the share of each class in labels minus that in targets.
        refused: rows without a usable answer, by kind; `reasons` are the commonest, with how often.
        tokens: of all answers.
        micro_usd: what they cost.
        calibration: of soft labels.
    """

    llm: str
    task: str
    metric: MetricName
    question: str
    rows: int
    shots: int
    score: float | None
    score_low: float | None
    score_high: float | None
    labelled_score: float | None
    constant: str
    constant_score: float
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    bias: tuple[float, ...]
    refused: dict[Refusal, int]
    reasons: tuple[tuple[str, int], ...]
    tokens: Usage
    micro_usd: int
    calibration: Calibration | None

    @property
    def worse_than_chance(self) -> bool:
        """Whether an answer that is the same for every row is surely better, or as good as nothing is right."""
        if self.score_high is None or self.rows < FEWEST_ROWS:
            return False
        return self.score_high < self.constant_score or self.score_high == 0

    @property
    def temperature(self) -> float:
        """At which its soft labels are learnt: the calibrated one, if that was shown to help on other rows."""
        found = self.calibration
        return found.temperature if found and found.nll_after < found.nll_before else 1.0

    @property
    def refused_share(self) -> float:
        """Share of rows without a usable answer."""
        return sum(self.refused.values()) / self.rows

    @property
    def micro_usd_per_row(self) -> float:
        """What a row cost on average."""
        return self.micro_usd / self.rows


def measure(
    inquiry: Inquiry, rows: Sequence[Row], answers: Mapping[str, Answer], seed: int
) -> Pilot:
    """Measure an LLM on ``rows`` with targets, each of whose keys has an answer; ``seed`` draws the interval."""
    assert rows, "a pilot of some rows"
    task, keys = inquiry.task, [inquiry.keys(row.source) for row in rows]
    reads = [
        read([answers[key] for key in mine], row.source, inquiry.form)
        for row, mine in zip(rows, keys, strict=True)
    ]
    scores = _scored(task, rows, [one.text or "" for one in reads], seed)
    labelled = [place for place, one in enumerate(reads) if one.text is not None]
    of_labelled = None
    if labelled:
        texts = [reads[place].text or "" for place in labelled]
        of_labelled = _scored(task, [rows[place] for place in labelled], texts, seed).score
    constant, constant_score = _best_constant(task, rows)
    refusals = Counter(one.refused for one in reads)
    reasons = Counter(one.reason for one in reads if one.refused)
    paid = [answers[key] for key in {key: None for mine in keys for key in mine}]
    classes = task.classes if task.metric in CLOSED_METRICS else ()
    confusion = _confusion(classes, rows, reads)
    return Pilot(
        llm=inquiry.llm.name,
        task=task.name,
        metric=task.metric,
        question=inquiry.fingerprint,
        rows=len(rows),
        shots=len(inquiry.shots),
        score=scores.score,
        score_low=scores.score_low,
        score_high=scores.score_high,
        labelled_score=of_labelled,
        constant=constant,
        constant_score=constant_score,
        classes=classes,
        confusion=tuple(map(tuple, confusion.tolist())),
        bias=_bias(confusion),
        refused={kind: refusals[kind] for kind in REFUSALS if refusals[kind]},
        reasons=tuple(reasons.most_common(_REASONS_KEPT)),
        tokens=sum((one.usage for one in paid), Usage()),
        micro_usd=sum(one.micro_usd for one in paid),
        calibration=_calibration(classes, rows, reads),
    )


def _scored(task: TaskSpec, rows: Sequence[Row], texts: Sequence[str], seed: int) -> Scores:
    targets = [row.target or "" for row in rows]
    sources = [row.source for row in rows]
    outputs = Outputs(sources, texts, targets, task.classes, task.scoring_model())
    return score_outputs(task.metric, outputs, seed)


def _best_constant(task: TaskSpec, rows: Sequence[Row]) -> tuple[str, float]:
    """The answer that is best if it is given to every row, and its score: here, or where classes are equally frequent."""
    if task.metric not in CLOSED_METRICS:
        return "", task.constant_score
    scores = {
        name: _scored(task, rows, [name] * len(rows), 0).score or 0.0 for name in task.classes
    }
    best = max(scores, key=scores.__getitem__)
    return best, max(scores[best], task.constant_score)


def _places(classes: Sequence[str], texts: Sequence[str | None]) -> Ints:
    """Each text's class; that of no text is the last."""
    place = {name.strip().casefold(): number for number, name in enumerate(classes)}
    return np.array([_NO_CLASS if one is None else place[one.strip().casefold()] for one in texts])


def _confusion(classes: Sequence[str], rows: Sequence[Row], reads: Sequence[Read]) -> Ints:
    """How often each class was said of each class, and in the last column how often none."""
    counts = np.zeros((len(classes), len(classes) + 1), dtype=np.int64)
    if classes:
        gold = _places(classes, [row.target for row in rows])
        said = _places(classes, [one.text for one in reads])
        np.add.at(counts, (gold, said), 1)
    return counts


def _bias(confusion: Ints) -> tuple[float, ...]:
    """The share of each class in labels minus that in the targets of the same rows."""
    labelled = confusion[:, :_NO_CLASS]
    if not labelled.sum():
        return (0.0,) * len(confusion)
    bias = (labelled.sum(axis=0) - labelled.sum(axis=1)) / labelled.sum()
    return tuple(map(float, bias))


def _calibration(
    classes: Sequence[str], rows: Sequence[Row], reads: Sequence[Read]
) -> Calibration | None:
    soft = [
        (row.target, one.log_probs) for row, one in zip(rows, reads, strict=True) if one.log_probs
    ]
    if len(soft) < 2:
        return None
    gold = _places(classes, [target for target, _ in soft])
    return calibrated(np.array([log_probs for _, log_probs in soft]), gold)
