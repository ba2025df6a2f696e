"""BERT-iBLEU, with a BERTScore model made here."""

import logging
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sacrebleu.metrics.bleu import BLEU
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, BertTokenizerFast

from raydoa.errors import UserError
from raydoa.tasks.catalog import TASKS
from raydoa.tasks.metrics import Scores, score_outputs
from raydoa.tasks.metrics.bertscore import Scorer
from raydoa.tasks.metrics.paraphrase import combined, sentence_bleu
from raydoa.tasks.metrics.statistic import Outputs

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [*SPECIAL, "the", "cat", "sat", "on", "a", "mat", "dog", "ran", "here", "we", "saw"]
SOURCES = ["the cat sat on a mat", "a dog ran here", "we saw the dog", "the cat ran"]
OUTPUTS = ["a mat the cat sat on here", "a dog ran here", "the dog we saw", "a dog zebra"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("encoder")
    BertTokenizerFast(vocab={word: index for index, word in enumerate(WORDS)}).save_pretrained(path)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        num_hidden_layers=12,
        num_attention_heads=2,
        intermediate_size=32,
        initializer_range=0.3,
    )
    BertModel(config).save_pretrained(path)
    return path


def score(predictions: list[str], folder: Path | None) -> Scores:
    task = TASKS["multipit_gen"]
    outputs = Outputs(SOURCES, predictions, SOURCES, scoring_model=folder)
    return score_outputs(task.metric, outputs, 0)


def by_hand(folder: Path, candidate: str, reference: str, references: list[str] | None) -> float:
    """BERTScore F1 of one pair, token by token, at layer 9 (that of a 12-layer BERT)."""
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModel.from_pretrained(folder).eval()

    def tokens(text: str) -> list[int]:
        return list(tokenizer(text)["input_ids"])

    holders = Counter(one for text in references or [] for one in set(tokens(text)))

    def weight(token: int) -> float:
        if token in (tokenizer.cls_token_id, tokenizer.sep_token_id):
            return 0.0
        if references is None:
            return 1.0
        return math.log((len(references) + 1) / (holders[token] + 1))

    def vectors(text: str) -> list[torch.Tensor]:
        with torch.no_grad():
            out = model(torch.tensor([tokens(text)]), output_hidden_states=True)
        return [one / one.norm() for one in out.hidden_states[9][0]]

    def side(text: str, other: str) -> float:
        best = [max(float(mine @ yours) for yours in vectors(other)) for mine in vectors(text)]
        weights = [weight(token) for token in tokens(text)]
        return sum(w * b for w, b in zip(weights, best, strict=True)) / sum(weights)

    precision, recall = side(candidate, reference), side(reference, candidate)
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("idf", [False, True])
def test_bertscore_is_that_of_the_formula(folder, idf):
    found = Scorer(folder).f1(OUTPUTS, SOURCES, idf=idf)
    references = SOURCES if idf else None
    pairs = zip(OUTPUTS, SOURCES, strict=True)
    expected = [by_hand(folder, one, other, references) for one, other in pairs]
    assert found == pytest.approx(expected, abs=1e-5)
    assert found[1] == pytest.approx(1.0)


def test_bertscore_of_nothing_is_0_and_batches_do_not_matter(folder):
    scorer = Scorer(folder)
    assert list(scorer.f1(["", "the cat", ""], ["the cat", "", ""])) == [0.0, 0.0, 0.0]
    many = scorer.f1(OUTPUTS * 20, SOURCES * 20)
    assert many == pytest.approx(np.tile(scorer.f1(OUTPUTS, SOURCES), 20), abs=1e-5)


def test_the_score_is_the_weighted_harmonic_mean_of_each_row(folder):
    scores = score(OUTPUTS, folder)
    similar = Scorer(folder).f1(OUTPUTS, SOURCES)
    bleu = BLEU(effective_order=True)
    rows = []
    for one, other, meaning in zip(OUTPUTS, SOURCES, similar, strict=True):
        new = 1 - bleu.sentence_score(one, [other]).score / 100
        rows.append(0.0 if new <= 0 else 5 / (4 / meaning + 1 / new))
    assert scores.score == pytest.approx(np.mean(rows))
    assert scores.parts["bert_score"] == pytest.approx(similar.mean())
    assert scores.parts["copied"] == 0.25
    assert scores.score_low is not None
    assert scores.score_high is not None
    assert scores.score_paper is not None
    assert scores.score_low <= scores.score <= scores.score_high


def test_copies_and_empty_outputs_are_worth_nothing(folder):
    assert score(SOURCES, folder).score == 0.0
    assert score([""] * 4, folder).score == 0.0
    # The paper's BLEU has no 4-gram in "the cat ran", so that copy counts as new.
    paper = score(SOURCES, folder).score_paper
    assert paper == pytest.approx(1 / 4, abs=1e-4)


def test_self_bleu():
    strict = sentence_bleu(
        ["the cat", "x y", ""], ["the cat", "the cat", "a"], effective_order=True
    )
    assert strict[0] == 1.0
    assert strict[2] == 0.0
    assert list(sentence_bleu(["the cat"], ["the cat"], effective_order=False)) == [0.0]
    assert list(sentence_bleu(["a b c d e"], ["a b c d e"], effective_order=False)) == [1.0]


def test_the_harmonic_mean_at_its_ends():
    found = combined(np.array([1.0, 0.5, 0.0, 1.0]), np.array([0.0, 0.5, 0.0, 1.0]))
    assert found == pytest.approx([1.0, 0.5, 0.0, 0.0])


def test_without_a_model_there_are_parts_and_a_reason(caplog):
    with caplog.at_level(logging.WARNING):
        scores = score(OUTPUTS, None)
    assert (scores.score, scores.score_paper) == (None, None)
    assert (scores.score_low, scores.score_high) == (None, None)
    assert set(scores.parts) == {"self_bleu", "paper_self_bleu", "copied"}
    assert "needs a BERTScore model" in caplog.text


def test_a_folder_without_a_model_is_a_users_mistake(tmp_path):
    with pytest.raises(UserError, match="not a BERTScore model") as told:
        score(OUTPUTS, tmp_path)
    assert "\n" not in str(told.value)
