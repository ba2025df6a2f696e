"""An account in a folder, on a day that does not end by itself."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from raydoa.account.account import Account
from raydoa.account.state import Refused, Reservation
from raydoa.store.store import Store


class Clock:
    """Says a time until it is told another."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 30, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def to(self, hours: float) -> None:
        self.at += timedelta(hours=hours)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"), cache_dir=tmp_path / "cache")


@pytest.fixture
def account(store: Store, clock: Clock) -> Account:
    return Account(store, "wlp", clock)


Kept = Callable[[int], Reservation]


@pytest.fixture
def kept(account: Account) -> Kept:
    """Reserve what there must be enough for."""

    def reserve(micro_usd: int) -> Reservation:
        reservation = account.reserve(micro_usd, "rows", "")
        assert not isinstance(reservation, Refused), reservation
        return reservation

    return reserve
