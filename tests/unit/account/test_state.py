"""Random histories of an account against a model that is written down as plainly as it can be."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from raydoa.account.account import Account
from raydoa.account.state import Refused, Reservation
from raydoa.errors import UserError
from raydoa.store.store import Store
from tests.unit.account.conftest import Clock

AMOUNTS = st.integers(0, 120)


@contextmanager
def refused() -> Iterator[None]:
    with pytest.raises(UserError):
        yield


class Histories(RuleBasedStateMachine):
    """Two processes' accounts take turns on one store."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.clock = Clock()
        store = Store(str(Path(self.folder.name) / "store"))
        self.accounts = [Account(store, "a", self.clock), Account(store, "a", self.clock)]
        self.ceiling: int | None = None
        self.daily: int | None = None
        self.open: list[Reservation] = []
        self.taken: list[tuple[date, int]] = []  # What counts for its day.
        self.spent = self.paid = self.invoices = 0

    def teardown(self) -> None:
        self.folder.cleanup()

    @property
    def account(self) -> Account:
        self.accounts.reverse()
        return self.accounts[0]

    @property
    def committed(self) -> int:
        return sum(one.micro_usd for one in self.open) + max(self.spent, self.paid)

    @rule(amount=AMOUNTS)
    def first_limit(self, amount: int) -> None:
        self.ceiling = amount if self.ceiling is None else self.ceiling
        assert self.account.first_limit(amount) == self.ceiling

    @rule(amount=st.integers(0, 600))
    def set_limit(self, amount: int) -> None:
        if amount < self.committed:
            with refused():
                self.account.set_limit(amount)
        else:
            self.account.set_limit(amount)
            self.ceiling = amount

    @rule(amount=st.none() | AMOUNTS)
    def set_daily_limit(self, amount: int | None) -> None:
        self.account.set_daily_limit(amount)
        self.daily = amount

    @rule(hours=st.sampled_from([1, 11, 13, 24]))
    def later(self, hours: int) -> None:
        self.clock.at += timedelta(hours=hours)

    @rule(amount=AMOUNTS)
    def reserve(self, amount: int) -> None:
        today = self.clock.at.date()
        gone = sum(micro for at, micro in self.taken if at >= today)
        fits = self.ceiling is not None and amount <= self.ceiling - self.committed
        fits = fits and (self.daily is None or gone + amount <= self.daily)
        got = self.account.reserve(amount, "rows", "")
        assert isinstance(got, Refused) != fits
        if isinstance(got, Reservation):
            self.open.append(got)
            self.taken.append((today, amount))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), percent=st.integers(0, 100))
    def settle(self, data: st.DataObject, percent: int) -> None:
        one = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        spent = one.micro_usd * percent // 100
        self.account.settle(one, spent)
        self.spent += spent
        self.taken.append((one.at.date(), spent - one.micro_usd))

    @rule(amount=AMOUNTS)
    def pay(self, amount: int) -> None:
        self.invoices += 1
        self.account.pay(amount, f"INV-{self.invoices}")
        self.paid += amount
        with refused():
            self.account.pay(amount, f"INV-{self.invoices}")

    @rule(amount=st.integers(-50, 20))
    def adjust(self, amount: int) -> None:
        if self.spent + amount < 0:
            with refused():
                self.account.adjust(amount, "why")
        else:
            self.account.adjust(amount, "why")
            self.spent += amount
            self.taken.append((self.clock.at.date(), max(0, amount)))

    @invariant()
    def all_see_the_same(self) -> None:
        state = self.account.state()
        assert (state.ceiling, state.daily_limit) == (self.ceiling, self.daily)
        assert (state.spent, state.paid, state.committed) == (self.spent, self.paid, self.committed)
        assert list(state.open.values()) == self.open
        assert state.owed == max(0, self.spent - self.paid)
        days = {at: sum(m for other, m in self.taken if other == at) for at, _ in self.taken}
        assert {at: day.committed for at, day in state.days.items() if day.committed} == {
            at: micro for at, micro in days.items() if micro
        }


Histories.TestCase.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
TestHistories = Histories.TestCase
