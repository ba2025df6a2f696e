"""BERTScore (Zhang et al. 2020, arXiv 1904.09675) with an encoder from a local folder.

Tokens of candidate and reference are embedded by one layer of the encoder; each token is matched
with the most similar one of the other text (cosine); precision is the mean over the candidate's
tokens, recall over the reference's, and their F1 is the score, without baseline rescaling. The
tokens that begin and end a text may be matched but have no weight. With ``idf`` a token weighs
log((R + 1) / (r + 1)), r of the R references holding it.

The package bert-score computes the same; it does not work with transformers 5 (it calls methods of
tokenizers that are gone), hence this.
"""

import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from raydoa.errors import UserError
from raydoa.tasks.metrics.statistic import Floats

logger = logging.getLogger(__name__)

Tokens: TypeAlias = list[int]

_BATCH = 32

TUNED_LAYERS: Mapping[tuple[str, int], int] = {
    ("bert", 12): 9,
    ("bert", 24): 18,
    ("roberta", 12): 10,
    ("roberta", 24): 17,
    ("distilbert", 6): 5,
    ("deberta", 12): 9,
    ("deberta", 24): 18,
    ("deberta", 48): 40,
    ("deberta-v2", 12): 9,
    ("deberta-v2", 24): 12,
}
"""The layer that agrees best with people, by model type and number of layers, as in bert-score
0.3.13 (of DeBERTa, that of the models tuned on MNLI). Other models: the last layer."""


class Scorer:
    """An encoder, its tokenizer, and the layer that is compared."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModel, AutoTokenizer

        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            model: Any = AutoModel.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, dtype=torch.float32
            )
        except (OSError, ValueError) as error:
            why = " ".join(str(error).split())
            raise UserError(f"{folder}: not a BERTScore model ({why})") from error
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = model.to(self._device).eval()
        layers = int(model.config.num_hidden_layers)
        self.layer = TUNED_LAYERS.get((model.config.model_type, layers), layers)
        positions = getattr(model.config, "max_position_embeddings", None) or 512
        # RoBERTa counts positions from its padding id on, hence two fewer than it has.
        self._longest = min(positions - 2, self._tokenizer.model_max_length)
        logger.info("BERTScore with %s: layer %d of %d", folder, self.layer, layers)

    def f1(
        self, candidates: Sequence[str], references: Sequence[str], *, idf: bool = False
    ) -> Floats:
        """BERTScore F1, in [0, 1], of each candidate and its reference; 0 where either is empty."""
        pairs = list(zip(self._encode(candidates), self._encode(references), strict=True))
        weights = self._weights([reference for _, reference in pairs], idf=idf)
        scores = np.zeros(len(pairs))
        by_length = sorted(range(len(pairs)), key=lambda index: len(pairs[index][0]))
        for start in range(0, len(pairs), _BATCH):
            chosen = by_length[start : start + _BATCH]
            sides = [self._embed([pairs[i][side] for i in chosen], weights) for side in (0, 1)]
            scores[chosen] = _matched(*sides[0], *sides[1]).double().cpu().numpy()
        return scores

    def _encode(self, texts: Sequence[str]) -> list[Tokens]:
        encoded = self._tokenizer(
            [text.strip() for text in texts], truncation=True, max_length=self._longest
        )
        ids: list[Tokens] = encoded["input_ids"]
        return ids

    def _weights(self, references: Sequence[Tokens], *, idf: bool) -> Tensor:
        """A weight for each token of the vocabulary; special tokens weigh nothing."""
        size = max(len(self._tokenizer), int(self._model.config.vocab_size))
        weights = torch.ones(size, dtype=torch.float32)
        if idf:
            holders = Counter(chain.from_iterable(map(set, references)))
            weights.fill_(math.log(len(references) + 1))
            for token, count in holders.items():
                weights[token] = math.log((len(references) + 1) / (count + 1))
        for name in ("cls_token_id", "sep_token_id", "pad_token_id"):
            if (token := getattr(self._tokenizer, name)) is not None:
                weights[token] = 0.0
        return weights.to(self._device)

    @torch.inference_mode()
    def _embed(self, texts: Sequence[Tokens], weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Unit vectors ``[texts, length, d]``, mask of real tokens, and each token's share."""
        length = max(map(len, texts))
        padding = self._tokenizer.pad_token_id
        ids = torch.tensor([text + [padding] * (length - len(text)) for text in texts])
        mask = torch.tensor([[1] * len(text) + [0] * (length - len(text)) for text in texts])
        ids, mask = ids.to(self._device), mask.to(self._device)
        out = self._model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        vectors = torch.nn.functional.normalize(out.hidden_states[self.layer], dim=-1)
        weight = weights[ids] * mask
        return vectors, mask.bool(), weight / weight.sum(dim=1, keepdim=True)


def _matched(
    candidate: Tensor,
    in_candidate: Tensor,
    candidate_share: Tensor,
    reference: Tensor,
    in_reference: Tensor,
    reference_share: Tensor,
) -> Tensor:
    """F1 ``[texts]`` of greedy matching; a text without a token that weighs anything scores 0."""
    similar = candidate @ reference.transpose(1, 2)
    both = in_candidate[:, :, None] & in_reference[:, None, :]
    similar = similar.masked_fill(~both, 0.0)
    precision = (similar.amax(dim=2) * candidate_share).sum(dim=1)
    recall = (similar.amax(dim=1) * reference_share).sum(dim=1)
    return torch.nan_to_num(2 * precision * recall / (precision + recall)).clamp(0.0, 1.0)


@lru_cache(maxsize=1)
def open_scorer(folder: Path) -> Scorer:
    """The scorer in ``folder``, loaded once a process. Raises `UserError`: there is no encoder with a tokenizer in the folder."""
    return Scorer(folder)
