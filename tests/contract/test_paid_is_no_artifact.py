"""Nothing that lists, checks or cleans a store touches what was paid for, or takes it for damage."""

from pathlib import Path

import pytest

from raydoa.account.account import Account
from raydoa.account.purse import open_purse
from raydoa.cli.store import gc_lines, ls_lines, verify_lines
from raydoa.errors import UserError
from raydoa.llm.answer import Answer
from raydoa.llm.journal import Journal
from raydoa.llm.tokens import Usage
from raydoa.store.store import Store
from tests.contract.stored import Bytes, Made


def test_gc_verify_and_drop_leave_it_alone(url: str, folder: Path) -> None:
    store = Store(url)
    store.publish(Made(1), folder, {}, {})
    account, journal = Account(store, "wlp"), Journal.of(store, "wlp", "ab" * 32)
    account.first_limit(100)
    purse = open_purse(account, 50, "rows", journal.folder)
    with purse, journal.writer(purse.reservation.id, purse.reservation.whom) as writer:
        assert purse.reserve(5)
        writer.asked("key", 5)
        writer.keep(Answer("key", "row", "answered", "yes", "", (), Usage(1, 0, 1), 4, 0.0))
        purse.settle(5, 4)
    held = Bytes(store)
    paid = {
        path: held.read(path) for path in held.all() if path.startswith(("accounts", "answers"))
    }
    assert len(paid) >= 4
    for lines in (
        ls_lines(store),
        verify_lines(store),
        verify_lines(store, drop=True),
        gc_lines(store, older_than_seconds=0),
        gc_lines(store, set(), 0),
    ):
        assert not any(
            "accounts" in line or "answers" in line or "DAMAGED" in line for line in lines
        )
    store.drop(Made(1).key)
    assert {path: held.read(path) for path in held.all() - {"store.json"}} == paid
    assert journal.answers()["key"].text == "yes" and account.state().committed == 4


def test_a_full_disk_loses_no_answer_that_was_told(small_disk: Path) -> None:
    store = Store(str(small_disk / "store"))
    account, journal = Account(store, "wlp"), Journal.of(store, "wlp", "ab" * 32)
    account.first_limit(100)
    purse = open_purse(account, 50, "rows", journal.folder)
    filler = small_disk / "filler"
    with purse, journal.writer(purse.reservation.id, purse.reservation.whom) as writer:
        with filler.open("wb", buffering=0) as stream, pytest.raises(OSError):
            while True:
                stream.write(bytes(4096))
        told = 0
        with pytest.raises(
            UserError, match=r"jsonl: no space left for what was paid for; make room"
        ):
            for told in range(1_000):
                writer.keep(_answer(told))
        assert list(journal.answers()) == [f"key{number}" for number in range(told)]
        with pytest.raises(UserError, match="no space left"):
            account.pay(1, "INV")
        filler.unlink()
        writer.keep(_answer(told))  # goes on once there is space
    assert list(journal.answers()) == [f"key{number}" for number in range(told + 1)]
    assert account.state().reserved == 0


def _answer(number: int) -> Answer:
    return Answer(f"key{number}", "row", "answered", "y" * 500, "", (), Usage(), 0, number)
