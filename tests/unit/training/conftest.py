"""Small T5 models, tied and untied, and rows of random token ids."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
from transformers import T5Config, T5ForConditionalGeneration

from raydoa.models.seq2seq.checkpoint import UntiedT5
from raydoa.models.seq2seq.loss import decoder_states
from raydoa.training.batches import Example, collate
from raydoa.training.soft_labels import HiddenLabels


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def build() -> Callable[..., T5ForConditionalGeneration]:
    def make(
        vocabulary: int = 64,
        *,
        d_model: int = 16,
        seed: int = 0,
        tied: bool = False,
        dropout: float = 0.0,
    ) -> T5ForConditionalGeneration:
        config = T5Config(
            vocab_size=vocabulary,
            d_model=d_model,
            d_kv=8,
            d_ff=32,
            num_heads=2,
            num_layers=2,
            num_decoder_layers=2,
            feed_forward_proj="gated-gelu",
            tie_word_embeddings=tied,
            dropout_rate=dropout,
            decoder_start_token_id=0,
        )
        torch.manual_seed(seed)
        model = (T5ForConditionalGeneration if tied else UntiedT5)(config)
        untied = model.lm_head.weight.data_ptr() != model.shared.weight.data_ptr()
        assert untied != tied and config.scale_decoder_outputs == tied, (
            "the model is what it should be"
        )
        return model

    return make


@pytest.fixture
def rows() -> Callable[..., list[Example]]:
    def make(count: int, vocabulary: int = 64, *, seed: int = 0, longest: int = 6) -> list[Example]:
        random = torch.Generator().manual_seed(seed)

        def ids(least: int, most: int) -> list[int]:
            length = int(torch.randint(least, most, (1,), generator=random))
            return [*torch.randint(2, vocabulary, (length,), generator=random).tolist(), 1]

        return [Example(f"row-{i}", ids(3, 12), ids(1, longest)) for i in range(count)]

    return make


@pytest.fixture
def hidden() -> Callable[[T5ForConditionalGeneration, list[Example]], list[Example]]:
    """Rows with the teacher's exact states at their own targets."""

    def make(teacher: T5ForConditionalGeneration, examples: list[Example]) -> list[Example]:
        teacher.eval()
        batch = collate(examples)
        with torch.no_grad():
            states = decoder_states(teacher, batch)
        return [
            replace(example, soft=HiddenLabels(states[i, : len(example.target_ids)].clone()))
            for i, example in enumerate(examples)
        ]

    return make
