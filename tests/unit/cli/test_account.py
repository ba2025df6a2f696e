"""`raydoa account`: what is told of real money, and what changes it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from raydoa.account.account import Account
from raydoa.account.purse import open_purse
from raydoa.llm.journal import Journal
from raydoa.store.store import Store
from tests.unit.cli.conftest import Run

Refused = Callable[..., str]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


@pytest.fixture
def account(store: Store) -> Account:
    account = Account(store, "wlp")
    account.first_limit(10_000_000)
    with open_purse(account, 4_000_000, "1,000 rows by gpt", "") as purse:
        assert purse.reserve(3_000_000)
        purse.settle(3_000_000, 2_500_001)
    return account


def test_what_is_told(run: Run, account: Account) -> None:
    held = open_purse(account, 1_000_000, "400 rows by gpt", "")
    out = run("account", account.store.url, "wlp").out
    today = f"{held.reservation.at:%Y-%m-%d}"
    assert out.splitlines() == [
        f"account wlp in {account.store.url}",
        "committed $3.500001 of $10.00: reserved $1.00, owed $2.500001, paid $0.00",
        f"reserved  {held.reservation.id}  $1.00  400 rows by gpt  by {held.reservation.whom}, alive",
        f"{today}  committed      $3.500001  paid          $0.00",
    ]
    held.close()
    assert run("account", account.store.url).out == (
        "wlp                   committed $2.500001 of $10.00: reserved $0.00, owed $2.500001, paid $0.00\n"
    )


def test_limits(run: Run, refused: Refused, account: Account) -> None:
    url = account.store.url
    assert "of $12.50:" in run("account", url, "wlp", "--limit", "12.50").out
    assert "at most $3.00 a day (UTC)" in run("account", url, "wlp", "--daily-limit", "3").out
    assert "a day" not in run("account", url, "wlp", "--daily-limit", "none").out
    said = refused("account", url, "wlp", "--limit", "2.5")
    assert "a ceiling of $2.50 is below the $2.500001 that are committed" in said
    assert "of $5.00:" in run("account", url, "new", "--limit", "5").out


def test_invoices_and_adjustments(run: Run, refused: Refused, account: Account) -> None:
    url = account.store.url
    out = run("account", url, "wlp", "--paid", "11", "--invoice", "INV-1").out
    assert "OVERRUN: $1.00 above the ceiling; nothing more is committed" in out
    assert "owed $0.00, paid $11.00" in out
    said = refused("account", url, "wlp", "--paid", "11", "--invoice", "INV-1")
    assert "invoice 'INV-1' of $11.00 has been taken already" in said
    out = run("account", url, "wlp", "--adjust", "-0.000001", "--why", "not billed").out
    assert out and account.state().spent == 2_500_000


def test_a_reservation_of_a_dead_process(run: Run, refused: Refused, account: Account) -> None:
    url = account.store.url
    journal = Journal.of(account.store, "wlp", "ab" * 32)
    held = open_purse(account, 1_000_000, "400 rows by gpt", journal.folder).reservation
    with journal.writer(held.id, held.whom) as writer:
        writer.asked("key", 7)
    assert "which is alive; stop it first" in refused("account", url, "wlp", "--release", held.id)
    lock = Path(url, "accounts", "wlp", f".{held.id}.lock")
    lock.rename(lock.with_suffix(".away"))
    assert f"unknown (not to be seen from here; if it is dead: --release {held.id})" in run("account", url, "wlp").out  # fmt: skip
    lock.touch()  # Nobody holds this one: as after a kill.
    out = run("account", url, "wlp").out
    assert f"ended     {held.id}  its process died: $0.000007 owed, $0.999993 free again" in out
    assert "reserved $0.00" in out and not lock.exists()


def test_by_hand(run: Run, refused: Refused, account: Account) -> None:
    url = account.store.url
    held = open_purse(account, 1_000_000, "400 rows by gpt", "").reservation
    Path(url, "accounts", "wlp", f".{held.id}.lock").unlink()
    out = run("account", url, "wlp", "--release", held.id).out
    assert f"ended     {held.id}  released: $1.00 owed, $0.00 free again" in out
    assert "no open reservation" in refused("account", url, "wlp", "--release", held.id)


@pytest.mark.parametrize(
    "flags, said",
    [
        (["--limit", "5"], "--limit: name the account, after the store"),
        (["--daily-limit", "5"], "--daily-limit: name the account"),
        (["wlp", "--paid", "5"], "--paid DOLLARS and --invoice TEXT go together"),
        (["wlp", "--why", "x"], "--adjust DOLLARS and --why TEXT go together"),
        (["wlp", "--paid", "5", "--invoice", " "], "an invoice's name is a line of at most 300"),
        (["wlp", "--paid", "5", "--invoice", "x" * 301], "an invoice's name is a line of at most 300"),
        (["wlp", "--adjust", "5", "--why", "a\nb"], "found 'a\\\\nb'; a reason is a line"),
        (["wlp", "--paid", "-5", "--invoice", "x"], "--paid: found '-5'; expected dollars, 0 or more"),
        (["wlp", "--limit", "much"], "--limit: found 'much'; expected dollars"),
        (["wlp", "--limit", "5", "--release", "x"], "not allowed with argument --limit"),
        (["nobody"], "no account nobody; a run makes one, or --limit DOLLARS does"),
        (["../x"], "a name is letters, digits"),
    ],
)  # fmt: skip
def test_mistakes(refused: Refused, account: Account, flags: list[str], said: str) -> None:
    assert said in refused("account", account.store.url, *flags)


def test_no_store_and_no_accounts(run: Run, refused: Refused, store: Store, tmp_path: Path) -> None:
    assert "no store here" in refused("account", tmp_path / "nothing")
    store.prepare()
    assert run("account", store.url).out == f"no accounts in {store.url}\n"


def test_damage_is_told_in_one_line(refused: Refused, account: Account) -> None:
    path = Path(account.store.url, "accounts", "wlp", "00000002.json")
    path.write_text("{}")
    for name in ([], ["wlp"], ["wlp", "--limit", "99"]):
        assert f"{path}: no entry of an account" in refused("account", account.store.url, *name)
