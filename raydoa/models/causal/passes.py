"""Forward passes of any decoder-only model, with its head applied only where its output is wanted.

Two layouts of prompts and completions:

- side by side, padding last: a token attends to what is before it, so padding changes nothing, and needs no mask;
- prompts that are read once into a cache, padding first: what is written next follows its prompt at once, so windows of
  attention, learnt positions and the cut caches of sliding layers hold for each row as if it were alone.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from raydoa.models.class_texts import ClassTexts


@contextmanager
def head_sees(
    network: Any, cut: Callable[[torch.Tensor], torch.Tensor]
) -> Iterator[list[torch.Tensor]]:
    """While it is open, the head is applied to what ``cut`` makes of its input, and the list takes that."""
    seen: list[torch.Tensor] = []

    def hook(_module: Any, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        seen.append(cut(inputs[0]))
        return (seen[-1], *inputs[1:])

    registered = network.get_output_embeddings().register_forward_pre_hook(hook)
    try:
        yield seen
    finally:
        registered.remove()


def cache_name(network: Any) -> str | None:
    """What the model calls its cache of keys and values: it depends on the version of transformers."""
    known = inspect.signature(type(network).forward).parameters
    return next((name for name in ("cache", "past_key_values") if name in known), None)


class SideBySide:
    """Prompts with completions right after them: ids ``[rows, length]``, and where each completion's tokens are predicted."""

    def __init__(
        self,
        source: torch.Tensor,
        source_mask: torch.Tensor,
        target: torch.Tensor,
        target_mask: torch.Tensor,
    ) -> None:
        mask = torch.cat([source_mask.bool(), target_mask], dim=1)
        order = torch.argsort(~mask, dim=1, stable=True)[:, : int(mask.sum(1).max())]
        self.ids = torch.cat([source, target], dim=1).gather(1, order)
        steps = torch.arange(target.shape[1], device=source.device)
        places = source_mask.sum(1, keepdim=True) - 1 + steps
        # Of the padding of a target, whatever comes last.
        self._places = places.clamp(max=self.ids.shape[1] - 1)

    def predicting(self, states: torch.Tensor) -> torch.Tensor:
        """Of ``[rows, length, width]`` those that predict the completion ``[rows, target length, width]``."""
        places = self._places.to(states.device)[..., None]
        return states.gather(1, places.expand(-1, -1, states.shape[-1]))

    def states(self, network: Any) -> torch.Tensor:
        """What the body gives at each token of the completion; that is what a plain head is applied to."""
        body = network.base_model(input_ids=self.ids, use_cache=False)
        return self.predicting(body.last_hidden_state)

    def logits(self, network: Any) -> torch.Tensor:
        """What the model says at each token of the completion ``[rows, target length, vocabulary]``."""
        with head_sees(network, self.predicting):
            logits: torch.Tensor = network(input_ids=self.ids, use_cache=False).logits
        return logits


class Reading:
    """Prompts that a model has read, and goes on from.

    Attributes:
        mask: 1 where its cache holds a token ``[rows, length]``.
    """

    def __init__(self, network: Any) -> None:
        self._network = network
        name = cache_name(network)
        assert name is not None, "a model without a cache is refused when it is opened"
        self._name = name
        self._positions = "position_ids" in inspect.signature(type(network).forward).parameters
        self._cache: Any = None
        self.mask: torch.Tensor | None = None

    def read(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """What the model says after ``ids``, which come after all that it has read."""
        self.mask = mask if self.mask is None else torch.cat([self.mask, mask], dim=1)
        options: dict[str, Any] = {}
        if self._positions:
            positions = (self.mask.cumsum(1) - 1).clamp(min=0)
            options["position_ids"] = positions[:, -ids.shape[1] :]
        if self._cache is not None:
            options[self._name] = self._cache
        out = self._network(input_ids=ids, attention_mask=self.mask, use_cache=True, **options)
        self._cache = getattr(out, self._name)
        logits: torch.Tensor = out.logits
        return logits

    def repeat(self, times: int) -> None:
        """Go on from each row in that many ways."""
        assert self.mask is not None, "nothing has been read"
        self._cache.batch_repeat_interleave(times)
        self.mask = self.mask.repeat_interleave(times, dim=0)


def left_padded(ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows with their padding first, wherever it was."""
    order = torch.argsort(mask.long(), dim=1, stable=True)
    return ids.gather(1, order), mask.long().gather(1, order)


def last(states: torch.Tensor) -> torch.Tensor:
    """The last place of each row, which `left_padded` makes its last token."""
    return states[:, -1:]


def class_scores(
    network: Any,
    source: torch.Tensor,
    source_mask: torch.Tensor,
    classes: ClassTexts,
    *,
    cached: bool = True,
) -> torch.Tensor:
    """Log-probabilities of each class's text ``[rows, classes]``.

    Each prompt is read once, and all classes go on from it together. Where activations are computed again on the way
    back, models keep no cache (not ``cached``): then a prompt is read with each class.
    """
    rows, each = len(source), len(classes)
    texts = classes.ids.to(source.device).repeat(rows, 1)
    text_mask = classes.mask.to(source.device).repeat(rows, 1)
    if not cached:
        sources = source.repeat_interleave(each, 0), source_mask.repeat_interleave(each, 0)
        return classes.scores(SideBySide(*sources, texts, text_mask).logits(network))
    reading = Reading(network)
    with head_sees(network, last):
        first = reading.read(*left_padded(source, source_mask))
    reading.repeat(each)
    then = reading.read(texts[:, :-1], text_mask[:, :-1].long())
    return classes.scores(torch.cat([first.repeat_interleave(each, 0), then], dim=1))
