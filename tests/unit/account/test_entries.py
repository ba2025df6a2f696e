"""An entry that is not what was written is an error that names its file, and nothing is skipped."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.account.account import Account
from raydoa.account.entries import DamagedAccount, parse_entry
from raydoa.errors import UserError
from raydoa.money import read_usd, shown_usd
from raydoa.store.store import Store
from tests.unit.account.conftest import Kept


@pytest.fixture
def folder(account: Account, kept: Kept) -> Path:
    """Of an account with four entries."""
    account.first_limit(100)
    account.settle(kept(60), 50)
    account.pay(50, "INV-1")
    return Path(account.store.url, "accounts", "wlp")


def _changed(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def _cut(folder: Path) -> None:
    path = folder / "00000002.json"
    path.write_bytes(path.read_bytes()[:100])


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a digit": (lambda f: _changed(f / "00000002.json", micro_usd=6), "00000002.json: does not match its own digest"),
    "cut": (_cut, "00000002.json: not JSON"),
    "empty": (lambda f: (f / "00000003.json").write_bytes(b""), "00000003.json: not JSON"),
    "deep": (lambda f: (f / "00000003.json").write_text("[" * 60_000), "00000003.json: not JSON"),
    "a list": (lambda f: (f / "00000003.json").write_text("[]"), "00000003.json: no entry of an account"),
    "huge": (lambda f: (f / "00000003.json").write_bytes(b" " * 70_000), "00000003.json: 70,000 bytes"),
    "missing": (lambda f: (f / "00000002.json").unlink(), "00000002.json: missing, but 00000003.json is there"),
    "no first": (lambda f: (f / "00000001.json").unlink(), "00000001.json: missing, but 00000002.json is there"),
    "swapped": (lambda f: (f / "00000003.json").write_bytes((f / "00000002.json").read_bytes()), "00000003.json: not the entry that followed"),
    "a stranger": (lambda f: (f / "notes.txt").write_text(""), "notes.txt: a file that is no entry"),
    "a folder": (lambda f: (f / "x").mkdir() or (f / "x" / "y").write_text(""), "x/y: a file that is no entry"),
    "a link": (lambda f: (f / "00000005.json").symlink_to(f / "00000004.json"), "00000005.json: a symbolic link that is no entry"),
    "a kind": (lambda f: _changed(f / "00000003.json", kind="gift"), "00000003.json: not an entry: 'gift'"),
    "a field": (lambda f: _changed(f / "00000003.json", more=1), "00000003.json: not an entry: .*more"),
    "less than nothing": (lambda f: _changed(f / "00000003.json", spent=-1), "00000003.json: not an entry: spent is -1"),
    "a fraction": (lambda f: _changed(f / "00000003.json", spent=1.5), "00000003.json: not an entry: spent is 1.5"),
    "a truth": (lambda f: _changed(f / "00000003.json", spent=True), "00000003.json: not an entry: spent is True"),
    "no time": (lambda f: _changed(f / "00000003.json", at="noon"), "00000003.json: not an entry: "),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage(store: Store, folder: Path, damage: str) -> None:
    do, said = DAMAGES[damage]
    do(folder)
    before = sorted(folder.iterdir())
    account = Account(store, "wlp")
    for use in (account.state, lambda: account.reserve(1, "rows", ""), lambda: account.pay(1, "x")):
        with pytest.raises(DamagedAccount, match=said) as caught:
            use()
        assert "\n" not in str(caught.value) and "bring the file back from a backup" in str(
            caught.value
        )
    assert sorted(folder.iterdir()) == before


def test_an_entry_that_comes_later_is_checked_too(account: Account, folder: Path) -> None:
    (folder / "00000005.json").write_text("{}")
    with pytest.raises(DamagedAccount, match=r"00000005.json: no entry"):
        account.state()


def test_a_newer_schema_is_no_damage(store: Store, folder: Path) -> None:
    _changed(folder / "00000004.json", schema=2)
    with pytest.raises(
        UserError, match="written with account schema 2, .* upgrade raydoa"
    ) as caught:
        Account(store, "wlp").state()
    assert not isinstance(caught.value, DamagedAccount)


def test_hidden_files_are_somebodys_work(store: Store, account: Account, folder: Path) -> None:
    (folder / ".00000005.json.abc.tmp").write_text("")
    assert Account(store, "wlp").state() == account.state()


@given(st.binary(max_size=300))
def test_any_bytes(content: bytes) -> None:
    with pytest.raises(UserError):
        parse_entry(content, 1, "", "x")


@given(st.integers(-(10**15) + 1, 10**15 - 1))
def test_dollars_are_exact(micro_usd: int) -> None:
    text = shown_usd(micro_usd).replace("$", "").replace(",", "")
    assert read_usd(text, "x", signed=True) == micro_usd
    assert len(text.partition(".")[2]) >= 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1.0000001",
        "nan",
        "inf",
        "-1",
        "1e-7",
        "$5",
        "1_0",
        "1e300",
        "1" * 10,
        "1.",
        ".5",
        "1.00000000000000000000000000001",
        "\u0661",
    ],
)
def test_no_dollars(text: str) -> None:
    with pytest.raises(
        UserError, match=r"--limit: found .*; expected dollars, 0 or more, with at most six"
    ):
        read_usd(text, "--limit")
