"""An encoder-decoder that is open, with its tokenizer."""

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import torch

from raydoa.models.class_texts import ClassTexts
from raydoa.models.family import Model
from raydoa.models.objective import Objective
from raydoa.models.row_batches import in_batches, scored
from raydoa.models.seq2seq.checkpoint import save_model
from raydoa.models.seq2seq.generate import generate
from raydoa.models.seq2seq.loss import Seq2SeqLoss, class_scores
from raydoa.models.seq2seq.output_head import OutputHead
from raydoa.models.seq2seq.tokenizer import Tokenizer
from raydoa.training.batches import Example, collate
from raydoa.training.soft_labels import Generated

_LONGEST_CLASS = 64
"""Tokens of a class's text that are learnt and scored, however long other targets may be."""
_FIRST_WORD_ID = 3
"""Padding, end and unknown come first in every T5 vocabulary."""


class Seq2SeqModel(Model):
    """See `Model`; one without a tokenizer can only be measured."""

    def __init__(
        self,
        network: Any,
        tokenizer: Tokenizer | None,
        objective: Objective | None = None,
    ) -> None:
        self.network: Any = network
        self._tokenizer = tokenizer
        self._objective = objective
        self._classes: ClassTexts | None = None
        if objective is not None:
            self._classes = ClassTexts(
                objective,
                lambda texts: self.tokenizer.targets(texts, _LONGEST_CLASS),
                f"a {network.config.model_type}",
            )

    @property
    def tokenizer(self) -> Tokenizer:
        """What turns text into ids and back."""
        assert self._tokenizer is not None, "a model with random weights has no tokenizer"
        return self._tokenizer

    @property
    def input_space(self) -> str:
        return self.tokenizer.fingerprint

    @property
    def output_space(self) -> str:
        return self._objective.fingerprint if self._objective else self.tokenizer.fingerprint

    @property
    def outputs(self) -> int:
        return len(self._classes or self.head)

    @property
    def head(self) -> torch.Tensor:
        return OutputHead(self.network).weight.detach()

    def source_ids(self, texts: Sequence[str], length: int) -> list[list[int]]:
        return self.tokenizer.encode(texts, length)

    def target_ids(
        self, texts: Sequence[str], length: int, sources: Sequence[str], source_length: int
    ) -> list[list[int]]:
        return self.tokenizer.targets(texts, length if self._classes is None else _LONGEST_CLASS)

    def texts(self, targets: Sequence[Sequence[int]], sources: Sequence[str]) -> list[str]:
        if self._classes is not None:
            return [self._classes.names[ids[0]] for ids in targets]
        return self.tokenizer.decode(targets)

    def loss(self, **options: Any) -> Seq2SeqLoss:
        return Seq2SeqLoss(self.network, classes=self._classes, **options)

    def generate(
        self, sources: Sequence[Example], *, most_tokens: int, batch_size: int
    ) -> Iterator[Generated]:
        if self._classes is None:
            return generate(self.network, sources, most_tokens=most_tokens, batch_size=batch_size)
        vocabulary = self.network.config.vocab_size
        return in_batches(self._classified, sources, vocabulary=vocabulary, batch_size=batch_size)

    @torch.no_grad()
    def _classified(self, rows: Sequence[Example]) -> list[Generated]:
        assert self._classes is not None
        batch = collate([Example(row.row_id, row.source_ids, (0,)) for row in rows])
        device = self.network.get_input_embeddings().weight.device
        return scored(rows, class_scores(self.network, batch.to(device), self._classes))

    def random_examples(self, rows: int, source_length: int, target_length: int) -> list[Example]:
        chance = random.Random(0)
        # A Marian may read one vocabulary and write another.
        vocabulary = min(self.network.config.vocab_size, OutputHead(self.network).out_features)
        endless = cycle([chance.randrange(_FIRST_WORD_ID, vocabulary) for _ in range(997)])
        return [
            Example(
                str(row), list(islice(endless, source_length)), list(islice(endless, target_length))
            )
            for row in range(rows)
        ]

    def save(self, folder: Path, state: Mapping[str, torch.Tensor] | None = None) -> None:
        save_model(self.network, self.tokenizer, folder, state=state)
