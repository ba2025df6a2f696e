"""An LLM as a build needs it: who it is, where it is reached, and what its tokens cost today."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from raydoa.llm.spec import LlmSpec
from raydoa.llm.tokens import TokenRates

if TYPE_CHECKING:
    from raydoa.llm.ask import Gate


@dataclass(frozen=True)
class LlmInUse:
    """An LLM that may be asked.

    Attributes:
        spec: who it is, at the URL where it is reached now.
        rates: of its tokens, through the interface through which it is asked.
        spends: whether asking it takes real money, from the account.
        most_row_micro_usd: what planning reckons with at most for a row, by (task, shots): no call may cost more.
    """

    spec: LlmSpec
    rates: TokenRates
    spends: bool
    most_row_micro_usd: Mapping[tuple[str, int], int]


class Doors(Protocol):
    """Where the processes of a run go before they ask: one limiter an endpoint for all of them, and the key."""

    def gate(self, spec: LlmSpec) -> "Gate":
        """The limiter of its endpoint."""
        ...

    def key(self, spec: LlmSpec) -> str | None:
        """Its key, for a process whose environment lacks it."""
        ...

    def holding(self, name: str) -> AbstractContextManager[None]:
        """Hold a lock that all processes of a cluster know by its name; whoever comes later waits."""
        ...

    def trying(self, name: str) -> AbstractContextManager[bool]:
        """The same without waiting; yields whether it is held now."""
        ...

    def count(
        self, spec: LlmSpec, *, wanted: int = 0, answered: int = 0, micro_usd: int = 0
    ) -> None:
        """Say that calls are wanted, or what came of them, for whoever shows progress."""
        ...
