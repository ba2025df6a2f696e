"""What may be committed, and what is said where it may not."""

import logging
from pathlib import Path

import pytest

from raydoa.account.account import Account
from raydoa.account.state import Refused, Reservation
from raydoa.errors import UserError
from raydoa.store.store import Store
from tests.unit.account.conftest import Clock, Kept


def refused(account: Account, micro_usd: int) -> str:
    said = account.reserve(micro_usd, "12 rows by gpt", "")
    assert isinstance(said, Refused) and "\n" not in said.reason
    return said.reason


def test_without_a_ceiling_nothing_is_reserved(account: Account, kept: Kept) -> None:
    assert "account wlp: $0.01 for 12 rows by gpt: it has no ceiling yet: set one with --limit DOLLARS" in refused(account, 10_000)  # fmt: skip
    assert account.state().entries == 0
    assert account.first_limit(10_000) == 10_000
    kept(10_000)


def test_the_ceiling_binds_to_the_last_digit(account: Account, kept: Kept) -> None:
    account.first_limit(1_000_000)
    first = kept(400_000)
    assert refused(account, 600_001) == (
        "account wlp: $0.600001 for 12 rows by gpt: $0.40 of its $1.00 are committed, of which $0.40 reserved; $0.60 are "
        "left: raise the ceiling with --limit DOLLARS"
    )
    second = kept(600_000)
    assert refused(account, 1)
    kept(0)
    account.settle(first, 399_999)
    kept(1)
    account.settle(second, 600_000)
    state = account.state()
    assert (state.spent, state.reserved, state.committed, state.owed) == (
        999_999,
        1,
        1_000_000,
        999_999,
    )


def test_the_first_limit_stays_until_it_is_raised(account: Account, kept: Kept) -> None:
    assert account.first_limit(5) == 5
    assert account.first_limit(50) == 5
    kept(4)
    with pytest.raises(UserError, match=r"a ceiling of \$0.000003 is below the \$0.000004"):
        account.set_limit(3)
    account.set_limit(4)
    assert refused(account, 1)
    account.set_limit(7)
    before = account.state().entries
    account.set_limit(7)
    assert account.state().entries == before
    kept(3)


def test_a_day_has_a_limit_of_its_own(account: Account, clock: Clock, kept: Kept) -> None:
    account.first_limit(1_000)
    account.set_daily_limit(100)
    early = kept(60)
    assert "$0.00006 of today's $0.0001 are committed since 00:00 UTC: run again tomorrow" in refused(account, 41)  # fmt: skip
    account.settle(early, 10)
    late = kept(90)
    assert refused(account, 1)
    clock.to(hours=11.99)
    assert refused(account, 1)
    clock.to(hours=0.02)
    kept(100)
    account.settle(late, 0)  # Of yesterday: today's is still gone.
    assert refused(account, 1)
    account.set_daily_limit(None)
    kept(1)


def test_a_clock_that_is_ahead_opens_no_second_day(
    account: Account, clock: Clock, kept: Kept
) -> None:
    account.first_limit(1_000)
    account.set_daily_limit(100)
    clock.to(hours=24)
    kept(100)
    clock.to(hours=-24)
    assert refused(account, 1)


def test_an_invoice_is_always_taken(account: Account, kept: Kept) -> None:
    account.first_limit(100)
    account.settle(kept(80), 70)
    account.pay(50, "INV-1")
    assert account.state().owed == 20 and account.state().committed == 70
    account.pay(60, "INV-2")
    state = account.state()
    assert (state.owed, state.paid, state.committed, state.overrun) == (0, 110, 110, 10)
    assert refused(account, 1) and refused(account, 0)
    with pytest.raises(UserError, match=r"invoice 'INV-1' of \$0.00005 has been taken already"):
        account.pay(50, "INV-1")
    assert account.state().paid == 110


def test_adjustments(account: Account, kept: Kept) -> None:
    account.first_limit(100)
    account.settle(kept(100), 90)
    account.adjust(-40, "not billed")
    kept(50)
    account.adjust(7, "a fee")
    assert account.state().spent == 57 and account.state().overrun == 7
    with pytest.raises(UserError, match=r"only \$0.000057 were spent"):
        account.adjust(-58, "too much")


def test_a_bill_above_its_reservation_is_taken_and_said(
    account: Account, kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    account.first_limit(100)
    with caplog.at_level(logging.WARNING):
        account.settle(kept(60), 120)
    assert "$0.00012 was billed for rows, for which $0.00006 were reserved" in caplog.text
    assert account.state().overrun == 20


def test_settling_twice_counts_once(account: Account, kept: Kept) -> None:
    account.first_limit(100)
    reservation = kept(60)
    account.settle(reservation, 50)
    account.settle(reservation, 50)
    account.settle(reservation, 20)
    assert account.state().spent == 50 and account.state().committed == 50


def test_two_see_each_other(store: Store, account: Account, clock: Clock, kept: Kept) -> None:
    other = Account(store, "wlp", clock)
    account.first_limit(100)
    theirs = other.reserve(70, "rows", "")
    assert isinstance(theirs, Reservation)
    assert refused(account, 31)
    assert account.state().open == {theirs.id: theirs}
    account.settle(theirs, 30)
    assert other.state() == account.state() and other.state().spent == 30
    assert Account(store, "wlp").state() == account.state()
    assert Account(store, "other").state().entries == 0


def test_what_is_told_is_a_copy(account: Account, kept: Kept) -> None:
    account.first_limit(100)
    reservation, told = kept(60), account.state()
    told.open.clear()
    told.days.clear()
    assert account.state().open == {reservation.id: reservation}


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "a\n", ".hidden", "x" * 101, "é"])
def test_names(store: Store, name: str) -> None:
    with pytest.raises(UserError, match="a name is letters, digits"):
        Account(store, name)


def test_the_living_are_not_recovered(account: Account, kept: Kept) -> None:
    account.first_limit(100)
    reservation = kept(60)
    assert account.owner(reservation) == "alive"
    assert account.recover(lambda one: 0) == []
    with pytest.raises(UserError, match=r"belongs to .*, which is alive; stop it first"):
        account.release(reservation.id, lambda one: 0)
    with pytest.raises(UserError, match=f"no open reservation nobody; open are: {reservation.id}"):
        account.release("nobody", lambda one: 0)
    account.settle(reservation, 5)
    assert account.owner(reservation) == "unknown"
    assert not list(Path(account.store.url).glob("accounts/wlp/.*"))


def test_what_cannot_be_seen_is_released_by_hand(account: Account, kept: Kept) -> None:
    """And if its process was alive after all, what that spent counts."""
    account.first_limit(100)
    reservation = kept(60)
    lock = Path(account.store.url, "accounts", "wlp", f".{reservation.id}.lock")
    lock.unlink()
    assert account.owner(reservation) == "unknown"
    assert account.recover(lambda one: 0) == []
    # No record: all of it may have been spent.
    assert account.release(reservation.id, lambda one: 0) == (reservation, 60)
    account.settle(reservation, 55)
    assert account.state().spent == 60
    account.settle(reservation, 61)
    assert account.state().spent == 61
