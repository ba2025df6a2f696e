"""An encoder that is open, with its head: over the sequence for classes, over each token for entities."""

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

from raydoa.models.encoder.tags import Tags
from raydoa.models.family import Model, Opening
from raydoa.models.network_files import load_network, random_network, save_network
from raydoa.models.objective import Objective
from raydoa.models.row_batches import in_batches
from raydoa.models.word_pieces import WordPieces
from raydoa.training.batches import Example, MicroBatch, collate
from raydoa.training.head_loss import HeadLoss
from raydoa.training.soft_labels import Generated


class EncoderModel(Model):
    """See `Model`; one without a tokenizer can only be measured."""

    network: Any

    def __init__(self, network: Any, pieces: WordPieces | None, objective: Objective) -> None:
        self.network = network
        self._pieces = pieces
        self._objective = objective
        self._tags = Tags(objective.names) if objective.kind == "entities" else None

    @property
    def pieces(self) -> WordPieces:
        """What turns text into ids."""
        assert self._pieces is not None, "a model with random weights has no tokenizer"
        return self._pieces

    @property
    def input_space(self) -> str:
        return self.pieces.fingerprint

    @property
    def output_space(self) -> str:
        """Of entities, whose distributions are over each token of the source, the tokenizer's too."""
        own = self._objective.fingerprint
        return own if self._tags is None else f"{own} of {self.pieces.fingerprint}"

    @property
    def outputs(self) -> int:
        return int(self.network.config.num_labels)

    def source_ids(self, texts: Sequence[str], length: int) -> list[list[int]]:
        return self.pieces.encode(texts, length)

    def target_ids(
        self, texts: Sequence[str], length: int, sources: Sequence[str], source_length: int
    ) -> list[list[int]]:
        if self._tags is not None:
            spans = self.pieces.offsets(sources, source_length)
            return [
                self._tags.of_text(text, source, offsets)
                for text, source, offsets in zip(texts, sources, spans, strict=True)
            ]
        return [[one] for one in self._objective.ids(texts)]

    def can_say(self, text: str) -> bool:
        return self._tags is not None or self._objective.has(text)

    def texts(self, targets: Sequence[Sequence[int]], sources: Sequence[str]) -> list[str]:
        if self._tags is None:
            return [self._objective.names[ids[0]] for ids in targets]
        return [
            self._tags.text(ids, source, self.pieces.offsets([source], len(ids))[0])
            for ids, source in zip(targets, sources, strict=True)
        ]

    @property
    def modules_to_save(self) -> tuple[str, ...]:
        """See `Model.modules_to_save`: all beside the body, and a pooler, which masked language models lack."""
        body: str = self.network.base_model_prefix
        heads = [
            name
            for name, module in self.network.named_children()
            if name != body and list(module.parameters())
        ]
        pooled = getattr(self.network.base_model, "pooler", None) is not None
        return (*heads, f"{body}.pooler") if pooled else tuple(heads)

    def loss(self, **options: Any) -> "EncoderLoss":
        return EncoderLoss(
            self.network, pad_id=_pad_id(self.network), whole=self._tags is None, **options
        )

    def generate(
        self, sources: Sequence[Example], *, most_tokens: int, batch_size: int
    ) -> Iterator[Generated]:
        vocabulary = self.network.config.vocab_size
        return in_batches(self._together, sources, vocabulary=vocabulary, batch_size=batch_size)

    @torch.no_grad()
    def _together(self, rows: Sequence[Example]) -> list[Generated]:
        batch = collate([Example(row.row_id, row.source_ids, (0,)) for row in rows])
        logits = head_logits(self.network, batch.to(self.network.device), _pad_id(self.network))
        if self._tags is None:
            logits = logits[:, None]
        log_probs = torch.log_softmax(logits.float(), dim=-1).cpu()
        written = []
        for row, of_row in zip(rows, log_probs, strict=True):
            kept = of_row[: 1 if self._tags is None else len(row.source_ids)].clone()
            written.append(Generated(row.row_id, tuple(kept.argmax(-1).tolist()), log_probs=kept))
        return written

    def random_examples(self, rows: int, source_length: int, target_length: int) -> list[Example]:
        chance = random.Random(0)
        most = self.network.config.vocab_size - 1
        ids = [chance.randint(1, most) for _ in range(source_length)]
        targets = [0] if self._tags is None else [0] * source_length
        return [Example(str(row), ids, targets) for row in range(rows)]

    def save(self, folder: Path, state: Mapping[str, torch.Tensor] | None = None) -> None:
        save_network(self.network, folder, state)
        self.pieces.save(folder)


class EncoderLoss(HeadLoss):
    """See `HeadLoss`; ``whole``: a row has one class, and not one for each token."""

    def __init__(self, model: torch.nn.Module, *, pad_id: int, whole: bool, **options: Any) -> None:
        super().__init__(model, **options)
        self._pad_id = pad_id
        self._whole = whole

    def logits(self, batch: MicroBatch) -> torch.Tensor:
        logits = head_logits(self.model, batch, self._pad_id)
        return logits[:, None] if self._whole else logits

    def checkpoint_activations(self) -> None:
        """Keep only each layer's input."""
        network: Any = self.model
        network.activation_checkpointing_enable()


def open_encoder(folder: Path, how: Opening) -> EncoderModel:
    """An encoder checkpoint for a task. Raises `UserError`: see `load_network`."""
    pieces, objective = WordPieces(folder), how.objective
    assert objective is not None, "an encoder is opened for a task"
    network = load_network(
        _auto_class(objective),
        "an encoder",
        folder,
        how,
        pad_token_id=pieces.pad_id,
        **_labels(objective),
    )
    return EncoderModel(network, pieces, objective)


def random_encoder(config: str, objective: Objective) -> Any:
    """A network of that `config.json` with random weights."""
    return random_network(_auto_class(objective), config, **_labels(objective))


def head_logits(network: Any, batch: MicroBatch, pad_id: int) -> torch.Tensor:
    """``[rows, classes]``, or ``[rows, source length, classes]``."""
    # Some kinds tell padding by its id: RoBERTa's positions, the last token of a decoder with a head.
    ids = torch.where(batch.source_mask.bool(), batch.source, pad_id)
    logits: torch.Tensor = network(input_ids=ids, attention_mask=batch.source_mask).logits
    return logits


def _auto_class(objective: Objective) -> Any:
    entities = objective.kind == "entities"
    return AutoModelForTokenClassification if entities else AutoModelForSequenceClassification


def _labels(objective: Objective) -> dict[str, Any]:
    names = Tags(objective.names).names if objective.kind == "entities" else objective.names
    return {
        "num_labels": len(names),
        "id2label": dict(enumerate(names)),
        "label2id": {name: index for index, name in enumerate(names)},
        "problem_type": None,
    }


def _pad_id(network: Any) -> int:
    return int(network.config.pad_token_id or 0)
