"""A decoder-only model that is open, with what makes prompts for it."""

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from raydoa.errors import UserError
from raydoa.models.causal.generate import generate_batch
from raydoa.models.causal.loss import CausalLoss
from raydoa.models.causal.passes import cache_name, class_scores
from raydoa.models.causal.plain import is_plain
from raydoa.models.causal.prompt import Prompt
from raydoa.models.class_texts import ClassTexts
from raydoa.models.family import Model, Opening
from raydoa.models.head import save_head
from raydoa.models.network_files import load_network, save_network
from raydoa.models.objective import Objective
from raydoa.models.row_batches import in_batches, scored
from raydoa.models.word_pieces import WordPieces
from raydoa.training.batches import Example, collate
from raydoa.training.soft_labels import Generated

_LONGEST_CLASS = 64
"""Tokens of a class's text that are learnt and scored, however long other targets may be."""
_NO_END = -1
"""Of a model without a tokenizer, which writes as much as it may."""


class CausalModel(Model):
    """See `Model`; one without a tokenizer can only be measured."""

    network: Any

    def __init__(
        self,
        network: Any,
        pieces: WordPieces | None,
        prompt: Prompt | None,
        objective: Objective | None = None,
    ) -> None:
        self.network = network
        self._pieces = pieces
        self._prompt = prompt
        self._objective = objective
        self._plain = is_plain(network)
        self._classes: ClassTexts | None = None
        if objective is not None:
            self._classes = ClassTexts(
                objective,
                lambda texts: self.prompt.complete(texts, _LONGEST_CLASS),
                "a decoder-only model",
            )

    @property
    def prompt(self) -> Prompt:
        """What turns texts into prompts and completions."""
        assert self._prompt is not None, "a model with random weights has no tokenizer"
        return self._prompt

    @property
    def input_space(self) -> str:
        return self.prompt.fingerprint

    @property
    def output_space(self) -> str:
        return self._objective.fingerprint if self._objective else self.prompt.space

    @property
    def outputs(self) -> int:
        return len(self._classes) if self._classes else self._head.out_features

    @property
    def _head(self) -> torch.nn.Linear:
        head: torch.nn.Linear = self.network.get_output_embeddings()
        return head

    @property
    def head(self) -> torch.Tensor:
        """See `Model.head`. Raises `UserError`: logits are something else."""
        if not self._plain:
            raise UserError(
                f"{type(self.network).__name__} changes what its head gives, so it teaches no distributions over tokens; "
                "distil text with --representation text"
            )
        return self._head.weight.detach()

    def source_ids(self, texts: Sequence[str], length: int) -> list[list[int]]:
        return self.prompt.encode(texts, length)

    def target_ids(
        self, texts: Sequence[str], length: int, sources: Sequence[str], source_length: int
    ) -> list[list[int]]:
        return self.prompt.complete(texts, length if self._classes is None else _LONGEST_CLASS)

    def texts(self, targets: Sequence[Sequence[int]], sources: Sequence[str]) -> list[str]:
        if self._classes is not None:
            return [self._classes.names[ids[0]] for ids in targets]
        return self.prompt.read(targets)

    def loss(self, **options: Any) -> CausalLoss:
        return CausalLoss(self.network, plain=self._plain, classes=self._classes, **options)

    def generate(
        self, sources: Sequence[Example], *, most_tokens: int, batch_size: int
    ) -> Iterator[Generated]:
        vocabulary = self.network.get_input_embeddings().num_embeddings
        end = self._prompt.end if self._prompt else _NO_END

        def written(rows: Sequence[Example]) -> list[Generated]:
            return generate_batch(
                self.network, rows, most_tokens=most_tokens, end=end, keep_states=self._plain
            )

        together = written if self._classes is None else self._classified
        return in_batches(together, sources, vocabulary=vocabulary, batch_size=batch_size)

    @torch.no_grad()
    def _classified(self, rows: Sequence[Example]) -> list[Generated]:
        assert self._classes is not None
        batch = collate([Example(row.row_id, row.source_ids, (0,)) for row in rows])
        batch = batch.to(self.network.get_input_embeddings().weight.device)
        return scored(
            rows, class_scores(self.network, batch.source, batch.source_mask, self._classes)
        )

    def random_examples(self, rows: int, source_length: int, target_length: int) -> list[Example]:
        chance = random.Random(0)
        vocabulary = self.network.get_input_embeddings().num_embeddings
        endless = cycle([chance.randrange(1, vocabulary) for _ in range(997)])
        return [
            Example(
                str(row), list(islice(endless, source_length)), list(islice(endless, target_length))
            )
            for row in range(rows)
        ]

    def save(self, folder: Path, state: Mapping[str, torch.Tensor] | None = None) -> None:
        save_network(self.network, folder, state)
        if self._plain:
            save_head(self._head_of(state), folder)
        assert self._pieces is not None, "a model with random weights is not kept"
        self._pieces.save(folder)

    def _head_of(self, state: Mapping[str, torch.Tensor] | None) -> torch.Tensor:
        if state is None:
            return self._head.weight
        names = {id(module): name for name, module in self.network.named_modules()}
        wanted = [
            f"{names[id(module)]}.weight"
            for module in (self._head, self.network.get_input_embeddings())
        ]
        # A tied head may stand in the state under the embedding's name alone.
        return state[wanted[0] if wanted[0] in state else wanted[1]]


def open_causal(folder: Path, how: Opening) -> CausalModel:
    """A decoder-only checkpoint. Raises `UserError`: see `load_network` and `Prompt`, or it keeps no cache."""
    pieces = WordPieces(folder)
    prompt = Prompt(pieces, folder)
    network = load_network(
        AutoModelForCausalLM,
        "a decoder-only model",
        folder,
        how,
        whole=True,
    )
    if cache_name(network) is None or not isinstance(
        network.get_output_embeddings(), torch.nn.Linear
    ):
        kind = type(network).__name__
        raise UserError(
            f"{folder}: {kind} has no output head, or no cache of what it has read; choose another model"
        )
    # After loading: an embedding that is made with a padding id does not learn it, and the end may pad.
    network.get_input_embeddings().padding_idx = None
    network.config.pad_token_id = pieces.pad_id
    network.config.eos_token_id = prompt.end
    return CausalModel(network, pieces, prompt, how.objective)
