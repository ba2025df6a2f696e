"""Whoever can write a store makes nobody read, write or wait outside it through an account or a journal."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from raydoa.account.account import Account
from raydoa.account.purse import open_purse
from raydoa.errors import UserError
from raydoa.llm.journal import Journal
from raydoa.store.store import Store
from tests.contract.test_store_hostile import everything

QUESTION = "ab" * 32


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with an account, a reservation whose process died, and its journal; in a folder with a neighbour."""
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "00000001.json").write_text("{}")
    store = Store(str(tmp_path / "store"), cache_dir=tmp_path / "cache")
    account, journal = Account(store, "wlp"), Journal.of(store, "wlp", QUESTION)
    account.first_limit(100)
    held = open_purse(account, 50, "rows", journal.folder).reservation
    with journal.writer(held.id, held.whom) as writer:
        writer.asked("key", 5)
    lock = tmp_path / "store" / "accounts" / "wlp" / f".{held.id}.lock"
    lock.unlink()
    lock.touch()
    return store


def use(store: Store) -> None:
    """All that reads and writes them; what may come of it is an error in one line."""
    account, journal = Account(store, "wlp"), Journal.of(store, "wlp", QUESTION)
    for do in (
        account.state,
        lambda: account.reserve(1, "rows", ""),
        lambda: account.recover(lambda one: Journal(store, one.record).spent(one.id)),
        lambda: account.pay(1, "INV"),
        journal.answers,
        journal.unanswered,
        lambda: journal.writer("other", "me").close(),
    ):
        try:
            do()
        except UserError as error:
            assert "\n" not in str(error)


def replaced(path: Path, by: Callable[[Path], object]) -> None:
    path.rename(path.parent / f".{path.name}.away")
    by(path)


PARTS = (
    "accounts",
    "accounts/wlp",
    "accounts/wlp/00000001.json",
    "accounts/wlp/00000002.json",
    "accounts/wlp/LOCK",
    "answers",
    "answers/wlp",
    f"answers/wlp/{QUESTION}",
    f"answers/wlp/{QUESTION}/SEGMENT",
)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("what", ["a link to a folder", "a link to a file", "a dangling link", "a pipe", "a folder", "a file"])  # fmt: skip
def test_nothing_outside_is_touched(store: Store, tmp_path: Path, part: str, what: str) -> None:
    root = tmp_path / "store"
    (lock,) = root.glob("accounts/wlp/.*.lock")
    (segment,) = root.glob("answers/wlp/*/*.jsonl")
    path = {"LOCK": lock, "SEGMENT": segment}.get(part.rpartition("/")[2], root / part)
    victim = tmp_path / "victim"
    before = everything(victim)
    replaced(
        path,
        {
            "a link to a folder": lambda at: at.symlink_to(victim),
            "a link to a file": lambda at: at.symlink_to(victim / "00000001.json"),
            "a dangling link": lambda at: at.symlink_to(victim / "new"),
            "a pipe": os.mkfifo,
            "a folder": Path.mkdir,
            "a file": lambda at: at.write_bytes(b"x"),
        }[what],
    )
    use(store)
    assert everything(victim) == before


def test_a_record_that_leads_elsewhere(store: Store) -> None:
    account = Account(store, "wlp")
    held = open_purse(account, 10, "rows", "answers/../../victim").reservation
    Path(store.url, "accounts", "wlp", f".{held.id}.lock").unlink()
    with pytest.raises(UserError, match="no journal; expected answers/TASK/QUESTION"):
        account.release(held.id, lambda one: Journal(store, one.record).spent(one.id))


def test_names_in_an_entry_are_shown_on_one_line(store: Store) -> None:
    """Whoever writes entries chooses their texts."""
    account = Account(store, "wlp")
    open_purse(account, 10, "rows\n\x1b[31mred\x1b[0m", "")
    assert all(
        "\x1b" not in one.what and "\n" not in one.what for one in account.state().open.values()
    )
