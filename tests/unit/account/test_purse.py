"""A purse never holds less than nothing, whatever calls do at once."""

import asyncio
import logging
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.account.account import Account
from raydoa.account.purse import NotEnough, Purse, open_purse


@pytest.fixture
def purse(account: Account) -> Purse:
    account.first_limit(10_000)
    return open_purse(account, 1_000, "rows", "")


def test_parts(account: Account, purse: Purse) -> None:
    assert purse.reserve(600) and not purse.reserve(401) and purse.reserve(400)
    purse.settle(600, 100)
    assert (purse.spent, purse.left) == (100, 500)
    assert purse.reserve(500) and not purse.reserve(1) and purse.reserve(0)
    purse.settle(400, 0)
    purse.settle(500, 500)
    purse.close()
    purse.close()
    assert account.state().spent == 600 and not account.state().open
    assert not purse.reserve(0)


def test_what_is_still_out_is_owed(account: Account, purse: Purse) -> None:
    with pytest.raises(RuntimeError), purse:
        assert purse.reserve(300) and purse.reserve(200)
        purse.settle(200, 50)
        raise RuntimeError
    assert account.state().spent == 350


def test_a_bill_above_its_reservation(
    account: Account, purse: Purse, caplog: pytest.LogCaptureFixture
) -> None:
    assert purse.reserve(500)
    with caplog.at_level(logging.WARNING):
        purse.settle(500, 700)  # There is enough left for that.
        assert (purse.left, caplog.text) == (300, "")
        assert purse.reserve(300)
        purse.settle(300, 301)
    assert "bills are $0.000001 above what was reserved for rows" in caplog.text
    assert purse.left == 0 and not purse.reserve(1)
    purse.close()
    assert account.state().spent == 1_001


def test_not_enough(account: Account) -> None:
    account.first_limit(10)
    with pytest.raises(NotEnough, match=r"account wlp: \$0.000011 for rows: .* raise the ceiling"):
        open_purse(account, 11, "rows", "")


@given(st.integers(0, 500), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 100)), max_size=40), st.randoms())  # fmt: skip
def test_any_order(held: int, calls: list[tuple[int, int]], order: random.Random) -> None:
    purse, out, spent, cap = _alone(held), [], 0, held
    for most, percent in calls:
        granted = purse.reserve(most)
        assert granted == (most <= cap - spent - sum(m for m, _ in out))
        if granted:
            out.append((most, most * percent // 100))
        if out and order.random() < 0.5:
            reserved, cost = out.pop(order.randrange(len(out)))
            purse.settle(reserved, cost)
            spent += cost
        assert purse.spent == spent
        assert purse.left == held - spent - sum(m for m, _ in out) >= 0


def _alone(held: int) -> Purse:
    """A purse without an account."""
    from datetime import UTC, datetime

    from raydoa.account.state import Reservation

    return Purse(None, Reservation("x", held, "rows", "", "me", datetime.now(UTC)))  # type: ignore[arg-type]


def test_under_threads(account: Account, purse: Purse) -> None:
    def call(seed: int) -> int:
        order, spent = random.Random(seed), 0
        for _ in range(200):
            most = order.randrange(1, 30)
            if purse.reserve(most):
                cost = order.randrange(most + 1)
                purse.settle(most, cost)
                spent += cost
            assert purse.left >= 0 and purse.spent <= 1_000
        return spent

    with ThreadPoolExecutor(64) as pool:
        spent = sum(pool.map(call, range(64)))
    assert purse.spent == spent <= 1_000
    purse.close()
    assert account.state().spent == spent


def test_under_asyncio(account: Account, purse: Purse) -> None:
    async def call(seed: int) -> int:
        order = random.Random(seed)
        most = order.randrange(1, 60)
        if not purse.reserve(most):
            return 0
        for _ in range(order.randrange(5)):
            await asyncio.sleep(0)
        cost = order.randrange(most + 1)
        purse.settle(most, cost)
        return cost

    async def all_of_them() -> int:
        return sum(await asyncio.gather(*map(call, range(300))))

    spent = asyncio.run(all_of_them())
    assert purse.spent == spent <= 1_000 and purse.left == 1_000 - spent
