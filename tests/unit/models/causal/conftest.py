"""Random prompts and completions for decoder-only models."""

from collections.abc import Callable

import pytest
import torch

from raydoa.training.batches import Example


@pytest.fixture(autouse=True)
def _no_hidden_threads() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def rows() -> Callable[..., list[Example]]:
    def make(count: int, vocabulary: int = 40, *, longest: int = 6) -> list[Example]:
        random = torch.Generator().manual_seed(0)

        def ids(least: int, most: int) -> list[int]:
            length = int(torch.randint(least, most, (1,), generator=random))
            return torch.randint(0, vocabulary, (length,), generator=random).tolist()

        return [Example(f"row-{i}", ids(2, 12), ids(1, longest)) for i in range(count)]

    return make
