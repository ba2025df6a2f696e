"""The texts of a task's classes as a model writes them, to score rows by.

A class's score is the log-probability of all its tokens and the end token: with the end token no text is the beginning of
another, so the scores of classes such as `no` and `no answer` are those of different outcomes, whose probabilities add.
"""

from collections.abc import Callable, Sequence

import torch

from raydoa.errors import UserError
from raydoa.models.objective import Objective


class ClassTexts:
    """Token ids of each class of an objective, the end included.

    Attributes:
        names: the classes.
        ids: ``[classes, longest]``, padded with 0.
        mask: True where ``ids`` is a token.
    """

    def __init__(
        self, objective: Objective, encode: Callable[[Sequence[str]], list[list[int]]], where: str
    ) -> None:
        """``encode`` turns texts into ids, the end included; ``where`` names the model in errors.

        Raises:
            UserError: a class has no tokens, or two have the same.
        """
        self.names = objective.names
        *rows, nothing = encode([*self.names, ""])
        seen: dict[tuple[int, ...], str] = {}
        for name, ids in zip(self.names, rows, strict=True):
            if ids == nothing:
                raise UserError(f"{where}: class {name!r} has no tokens; give it another name")
            same = seen.setdefault(tuple(ids), name)
            if same != name:
                raise UserError(
                    f"{where}: classes {same!r} and {name!r} have the same tokens; give one another name"
                )
        longest = max(map(len, rows))
        self.ids = torch.tensor([[*ids, *[0] * (longest - len(ids))] for ids in rows])
        self.mask = torch.tensor([[place < len(ids) for place in range(longest)] for ids in rows])

    def __len__(self) -> int:
        return len(self.names)

    def scores(self, logits: torch.Tensor) -> torch.Tensor:
        """Log-probabilities of the classes ``[rows, classes]``, of ``logits [rows x classes, longest, vocabulary]``."""
        rows = len(logits) // len(self)
        wanted = self.ids.to(logits.device).repeat(rows, 1)[..., None]
        of_tokens = torch.log_softmax(logits.float(), dim=-1).gather(-1, wanted)[..., 0]
        mask = self.mask.to(logits.device).repeat(rows, 1)
        return (of_tokens * mask).sum(-1).view(rows, len(self))
