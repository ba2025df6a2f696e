"""A: a training as anybody writes it with transformers, over batches that were padded before.

Gold labels go through the model's own ``labels``, with -100 where nothing is learnt. Soft labels over classes are a
tensor of log-probabilities, and the loss is KL on the student's: a head's; of a model that writes text, the sums of the
log-probabilities of each class's tokens. For those a decoder reads the prompt with each class, and an encoder-decoder
encodes the source once.
"""

from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
)
from transformers.modeling_outputs import BaseModelOutput

from looping.checkpoints import CLASSES
from raydoa.models.family import Model
from raydoa.training.batches import Example, MicroBatch, collate
from raydoa.training.recipe import Recipe

Batch = dict[str, torch.Tensor]

_IGNORED = -100
_AUTO_CLASSES: dict[str, Any] = {
    "encoder": AutoModelForSequenceClassification,
    "causal": AutoModelForCausalLM,
    "seq2seq": AutoModelForSeq2SeqLM,
}


class Plain:
    """A model and its optimiser; it begins with the weights of ``like``, which may have a new head."""

    def __init__(self, family: str, folder: Path, labels: str, recipe: Recipe, like: Model) -> None:
        options: dict[str, Any] = {"num_labels": len(CLASSES)} if family == "encoder" else {}
        self._model = _AUTO_CLASSES[family].from_pretrained(folder, **options).train()
        self._model.load_state_dict(like.network.state_dict())
        self._model.config.use_cache = False  # As transformers' Trainer does.
        self._optimiser = torch.optim.AdamW(
            self._model.parameters(), lr=recipe.learning_rate, weight_decay=0.0, fused=True
        )
        self._family, self._recipe, self._soft = family, recipe, labels == "classes"
        if self._soft and family != "encoder":
            names = [
                Example(name, (0,), ids) for name, ids in zip(CLASSES, _ids(like), strict=True)
            ]
            texts = collate(names)
            self._texts, self._text_mask = texts.target, texts.target_mask

    def step(self, batch: Batch) -> torch.Tensor:
        """One training step; returns the loss."""
        loss = self._distilled(batch) if self._soft else self._model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), self._recipe.max_grad_norm)
        self._optimiser.step()
        self._optimiser.zero_grad()
        return loss.detach()

    def batch(self, batch: MicroBatch) -> Batch:
        """What `step` takes."""
        source = {"input_ids": batch.source, "attention_mask": batch.source_mask}
        if self._soft:
            teacher = torch.cat([labels.log_probs for labels in batch.soft])
            if self._family == "causal":
                rows, each = len(batch.source), len(CLASSES)
                source = _side_by_side(
                    batch.source.repeat_interleave(each, 0),
                    batch.source_mask.repeat_interleave(each, 0),
                    self._texts.repeat(rows, 1),
                    self._text_mask.repeat(rows, 1),
                )
            return {**source, "teacher": teacher}
        if self._family == "encoder":
            return {**source, "labels": batch.target[:, 0]}
        if self._family == "causal":
            return _side_by_side(batch.source, batch.source_mask, batch.target, batch.target_mask)
        return {**source, "labels": batch.target.masked_fill(~batch.target_mask, _IGNORED)}

    def _distilled(self, batch: Batch) -> torch.Tensor:
        """T^2 KL(teacher || student) over the classes."""
        scores = {
            "encoder": self._head_scores,
            "causal": self._decoder_scores,
            "seq2seq": self._encoder_decoder_scores,
        }[self._family](batch)
        temperature = self._recipe.temperature
        found = functional.log_softmax(scores / temperature, dim=-1)
        wanted = functional.log_softmax(batch["teacher"] / temperature, dim=-1)
        divergence = functional.kl_div(found, wanted, reduction="batchmean", log_target=True)
        return temperature**2 * divergence

    def _head_scores(self, batch: Batch) -> torch.Tensor:
        logits: torch.Tensor = self._model(batch["input_ids"], batch["attention_mask"]).logits
        return logits

    def _decoder_scores(self, batch: Batch) -> torch.Tensor:
        logits = self._model(batch["input_ids"], batch["attention_mask"]).logits[:, :-1]
        return _summed(logits, batch["labels"][:, 1:])

    def _encoder_decoder_scores(self, batch: Batch) -> torch.Tensor:
        rows, each = len(batch["input_ids"]), len(CLASSES)
        encoder = self._model.get_encoder()
        encoded = encoder(batch["input_ids"], batch["attention_mask"]).last_hidden_state
        texts = self._texts.masked_fill(~self._text_mask, _IGNORED).repeat(rows, 1)
        logits = self._model(
            encoder_outputs=BaseModelOutput(encoded.repeat_interleave(each, 0)),
            attention_mask=batch["attention_mask"].repeat_interleave(each, 0),
            decoder_input_ids=self._model.prepare_decoder_input_ids_from_labels(labels=texts),
        ).logits
        return _summed(logits, texts)


def _ids(model: Model) -> list[list[int]]:
    """The tokens of each class, as a target."""
    return model.target_ids(CLASSES, 64, CLASSES, 64)


def _side_by_side(
    source: torch.Tensor, source_mask: torch.Tensor, target: torch.Tensor, target_mask: torch.Tensor
) -> Batch:
    """Prompt and completion in one row, padding last; only the completion is learnt."""
    parts = [
        (prompt[mine.bool()], completion[its])
        for prompt, mine, completion, its in zip(source, source_mask, target, target_mask, strict=True)
    ]  # fmt: skip
    ids = [torch.cat(both) for both in parts]
    labels = [torch.cat([torch.full_like(prompt, _IGNORED), text]) for prompt, text in parts]
    mask = [torch.ones_like(row) for row in ids]
    return {
        "input_ids": torch.nn.utils.rnn.pad_sequence(ids, batch_first=True),
        "attention_mask": torch.nn.utils.rnn.pad_sequence(mask, batch_first=True),
        "labels": torch.nn.utils.rnn.pad_sequence(labels, batch_first=True, padding_value=_IGNORED),
    }


def _summed(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The log-probability of the labels of each row with each class ``[rows, classes]``."""
    losses = functional.cross_entropy(
        logits.transpose(1, 2), labels, ignore_index=_IGNORED, reduction="none"
    )
    return -losses.sum(1).view(-1, len(CLASSES))
