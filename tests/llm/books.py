"""A purse, a journal and a gate in memory, which hold those who use them to their protocols."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from raydoa.llm.answer import Answer
from raydoa.llm.till import NOT_ASKED


@dataclass
class MemoryPurse:
    """Money; never below zero, and nothing is settled that was not reserved."""

    money: int
    reserved: Counter[int] = field(default_factory=Counter)
    spent: int = 0
    most_at_stake: int = 0
    refused: int = 0

    def reserve(self, micro_usd: int) -> bool:
        if self.spent + self.at_stake + micro_usd > self.money:
            self.refused += 1
            return False
        self.reserved[micro_usd] += 1
        self.most_at_stake = max(self.most_at_stake, self.spent + self.at_stake)
        return True

    def settle(self, reserved: int, cost: int) -> None:
        assert self.reserved[reserved] > 0, f"{reserved} was not reserved"
        assert 0 <= cost <= reserved
        self.reserved[reserved] -= 1
        self.spent += cost

    @property
    def at_stake(self) -> int:
        return sum(cost * count for cost, count in self.reserved.items())


@dataclass
class MemoryAnswers:
    """A journal; where it ``waits``, several write at a time."""

    waits: bool = False
    owed: dict[str, int] = field(default_factory=dict)
    kept: list[Answer] = field(default_factory=list)
    times_asked: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def asked(self, request_key: str, highest_micro_usd: int) -> None:
        with self._written():
            self.times_asked[request_key] += 1
            self.owed[request_key] = self.owed.get(request_key, 0) + highest_micro_usd

    def keep(self, answer: Answer) -> None:
        with self._written():
            self.owed.pop(answer.key)
            self.kept.append(answer)

    @contextmanager
    def _written(self) -> Iterator[None]:
        in_a_thread = threading.current_thread() is not threading.main_thread()
        assert in_a_thread == self.waits
        if self.waits:
            time.sleep(0.001)
        with self._lock:
            yield

    @property
    def given(self) -> list[Answer]:
        """Without those that only take back what was asked."""
        return [answer for answer in self.kept if answer.reason != NOT_ASKED]

    @property
    def owed_micro_usd(self) -> int:
        return sum(self.owed.values())


@dataclass
class OpenGate:
    """Lets everybody in, and counts who is inside."""

    inside: int = 0
    most_inside: int = 0
    entered: int = 0
    statuses: Counter[int] = field(default_factory=Counter)

    async def enter(self, tokens: int) -> None:
        assert tokens > 0
        self.entered += 1
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)

    def told(self, headers: Mapping[str, str], status: int, spare: int) -> None:
        assert spare >= 0
        self.inside -= 1
        self.statuses[status] += 1
        assert self.inside >= 0
