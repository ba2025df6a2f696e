"""BERT-iBLEU of paraphrases: near in meaning, far in words (Niu et al. 2021, arXiv 2010.12885).

    BERT-iBLEU = (beta + 1) / (beta / BERTScore + 1 / (1 - self-BLEU)),  beta = 4, mean over rows

Strict form (``score``): BERTScore F1 and self-BLEU compare the output with its source. Self-BLEU is
sacrebleu's sentence BLEU / 100 (effective order, so that a copied source of three words is a copy).
A row is 0 where either factor is 0: a copy and an empty output are worth nothing.

Paper's form, as its code computes it: output against target; BERTScore weighs tokens by their idf
in the targets; BLEU without smoothing and always of order 4, so that copies of fewer than four
tokens pass; 1e-5 added to both; an empty output is read as "no prediction"; rows with an empty
source or target dropped. Its rows of exact copies come to -5e-5; here they are 0.

Both need a BERTScore model, and the paper's numbers need its own, deberta-xlarge-mnli. Without one
both are None, and what needs no model is given: ``self_bleu``, ``paper_self_bleu``, ``copied``
(share of outputs equal to their source). Gold targets are not used by the strict form, and gold
that copies its source scores 0.
"""

from collections.abc import Sequence

import numpy as np

from raydoa.tasks.metrics.statistic import Floats, MetricStatistics, Outputs, Statistic, mean_of
from raydoa.tasks.task import BERTSCORE_VARIABLE

BETA = 4.0
_PAPER_EPSILON = 1e-5
_PAPER_EMPTY = "no prediction"


def bert_ibleu(outputs: Outputs) -> MetricStatistics:
    """Weighted harmonic mean of BERTScore and 1 - self-BLEU, per row, then the mean."""
    paper = _paper_outputs(outputs)
    self_bleu = sentence_bleu(outputs.predictions, outputs.sources, effective_order=True)
    paper_bleu = sentence_bleu(paper.predictions, paper.targets, effective_order=False)
    pairs = zip(outputs.predictions, outputs.sources, strict=True)
    copied = [one.split() == other.split() for one, other in pairs]
    parts = {"self_bleu": mean_of(self_bleu), "copied": mean_of(copied)}
    if paper.targets:
        parts["paper_self_bleu"] = mean_of(paper_bleu)
    if outputs.scoring_model is None:
        missing = (
            "BERT-iBLEU needs a BERTScore model: give its folder as the task's `bertscore_model` "
            f"or in {BERTSCORE_VARIABLE}; the parts that need none are given"
        )
        return MetricStatistics(None, None, parts, missing)

    from raydoa.tasks.metrics.bertscore import open_scorer

    scorer = open_scorer(outputs.scoring_model)
    similar = scorer.f1(outputs.predictions, outputs.sources)
    parts["bert_score"] = mean_of(similar)
    score = mean_of(combined(similar, self_bleu))
    in_paper: Statistic | None = None
    if paper.targets:
        paper_similar = scorer.f1(paper.predictions, paper.targets, idf=True)
        parts["paper_bert_score"] = mean_of(paper_similar)
        in_paper = mean_of(combined(paper_similar + _PAPER_EPSILON, paper_bleu + _PAPER_EPSILON))
    return MetricStatistics(score, in_paper, parts)


def combined(similar: Floats, self_bleu: Floats) -> Floats:
    """BERT-iBLEU of each row; 0 where a factor is not above 0."""
    new = 1 - self_bleu
    good = (similar > 0) & (new > 0)
    divided = BETA / np.where(good, similar, 1) + 1 / np.where(good, new, 1)
    return np.where(good, (BETA + 1) / divided, 0.0)


def sentence_bleu(
    candidates: Sequence[str], references: Sequence[str], *, effective_order: bool
) -> Floats:
    """BLEU in [0, 1] of each candidate (Papineni et al. 2002, tokens as in WMT's 13a).

    With ``effective_order``, only the n-gram orders that fit into the candidate count, and orders
    without a match are smoothed; without, any order without a match makes it 0.
    """
    from sacrebleu.metrics.bleu import BLEU

    bleu = BLEU(effective_order=effective_order, smooth_method="exp" if effective_order else "none")
    # A corpus of one sentence is that sentence, and sacrebleu warns of sentences with all orders.
    scores = [
        bleu.corpus_score([candidate], [[reference]]).score
        for candidate, reference in zip(candidates, references, strict=True)
    ]
    # sacrebleu gives 100.00000000000004 for some copies.
    return np.minimum(np.array(scores, dtype=np.float64) / 100, 1.0)


def _paper_outputs(outputs: Outputs) -> Outputs:
    rows = zip(outputs.sources, outputs.predictions, outputs.targets, strict=True)
    kept = [
        (source, text or _PAPER_EMPTY, target) for source, text, target in rows if source and target
    ]
    sources, predictions, targets = zip(*kept, strict=True) if kept else ((), (), ())
    return Outputs(sources, predictions, targets)
