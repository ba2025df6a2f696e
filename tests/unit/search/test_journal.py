"""The log of a search: cut it anywhere, and the search goes on; nothing is told twice or forgotten."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from raydoa.errors import UserError
from raydoa.search.baseline_samplers import CoarseGrid, Random
from raydoa.search.journal import Journal, read_existing, read_journal
from tests.contract.searching import score, search
from tests.unit.report.conftest import row

ABOUT = {"sampler": "random", "seed": 0}


def _open(path: Path, limit: float = 60.0) -> Journal:
    return Journal(search(Random(), limit), path, ABOUT)


def _go_on(journal: Journal, steps: int, seed: int = 0) -> None:
    """Three at a time, ended in an order of chance, every fourth a failure."""
    chance = random.Random(seed)
    for _ in range(steps):
        while len(journal.pending) < 3 and journal.ask() is not None:
            pass
        if not journal.pending:
            return
        number = chance.choice(sorted(journal.pending))
        plan = journal.asked[number].plan
        journal.tell(
            number, None if number % 4 == 3 else score(plan), row=row(cell=f"cell-{number}")
        )


def test_cut_anywhere(tmp_path: Path) -> None:
    """What is left of the log is a search that goes on: each proposal is told once in the end."""
    whole = _open(tmp_path / "whole.jsonl")
    _go_on(whole, 10)
    text = (tmp_path / "whole.jsonl").read_bytes()
    for cut in range(0, len(text), 97):
        path = tmp_path / f"{cut}.jsonl"
        path.write_bytes(text[:cut])
        journal = _open(path)
        again = _open(path)
        assert journal.search.state == again.search.state
        assert journal.pending == again.pending
        _go_on(journal, 3)
        entries = read_journal(path)
        assert (
            entries[: text[:cut].count(b"\n")]
            == read_journal(tmp_path / "whole.jsonl")[: text[:cut].count(b"\n")]
        )
        assert _open(path).search.state == journal.search.state
        told = [entry["told"] for entry in entries if "told" in entry]
        assert len(told) == len(set(told)) == len(journal.rows) == len(journal.search.observations)


@pytest.mark.parametrize("whole_lines", [0, 1, 4])
def test_only_who_goes_on_removes_a_line_that_is_cut(tmp_path: Path, whole_lines: int) -> None:
    """A reader beside a search that runs may find a line half written, and leaves it."""
    path = tmp_path / "log.jsonl"
    _go_on(_open(path), 4)
    lines = path.read_bytes().splitlines(keepends=True)
    half = b"".join(lines[:whole_lines]) + lines[whole_lines][:-9]
    path.write_bytes(half)
    assert len(read_journal(path)) == whole_lines
    existing = read_existing(path)
    assert existing == (None if whole_lines == 0 else [])
    assert path.read_bytes() == half
    if whole_lines:
        with pytest.raises(UserError, match="this log is about another search"):
            Journal(search(CoarseGrid()), path, {"sampler": "grid"})
        assert path.read_bytes() == half, "and so does whoever is refused"
    _open(path)
    assert len(read_journal(path)) == max(whole_lines, 1)
    assert path.read_bytes().endswith(b"\n")


def test_told_twice_is_heard_once(tmp_path: Path) -> None:
    """Tune may run a trial again that had ended just before a crash."""
    journal = _open(tmp_path / "log.jsonl")
    proposal = journal.ask()
    assert proposal is not None
    journal.tell(proposal.number, 0.5)
    journal.tell(proposal.number, 0.9)
    assert [o.score for o in journal.search.observations] == [0.5]


def test_a_log_of_an_older_raydoa_is_refused(tmp_path: Path) -> None:
    """It does not say as plans what existed when the search began."""
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"about": ABOUT, "limit_usd": 60.0, "began": "2026-11-21"}) + "\n")
    with pytest.raises(UserError, match="an older raydoa wrote this log; give another folder"):
        _open(path)
    assert len(read_journal(path)) == 1, "nothing was written into it"


def test_labels_are_bought_once(tmp_path: Path) -> None:
    """Whoever is asked first for more labels than any before pays for them; also after a restart."""
    journal = _open(tmp_path / "log.jsonl")
    _go_on(journal, 12)
    most = max(proposal.plan.quantity("labels") for proposal in journal.asked.values())
    assert most > 0
    for opened in (journal, _open(tmp_path / "log.jsonl")):
        assert sum(proposal.units.get("labels", 0) for proposal in opened.asked.values()) == most


def test_a_new_limit_lets_it_go_on(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    journal = _open(path, limit=2.0)
    _go_on(journal, 1000)
    assert journal.search.stopped and journal.search.spent_usd <= 2.0
    assert _open(path, limit=2.0).search.stopped == journal.search.stopped
    more = _open(path, limit=12.0)
    assert more.search.stopped is None
    assert any("stopped" in entry for entry in read_journal(path)), "though it had"
    _go_on(more, 1000)
    assert more.search.stopped and len(more.asked) > len(journal.asked)
    assert 2.0 < more.search.spent_usd <= 12.0
    less = _open(path, limit=1.0)
    assert less.ask() is None and less.search.stopped, "what is spent is spent"


def test_everything_fails(tmp_path: Path) -> None:
    """A search whose first three measurements fail is not worth more money."""
    journal = _open(tmp_path / "log.jsonl")
    for _ in range(3):
        proposal = journal.ask()
        assert proposal is not None
        journal.tell(proposal.number, None, why="no such model")
    assert (
        journal.search.stopped
        == "the first 3 measurements have all failed; the last one: no such model"
    )
    assert journal.ask() is None
    assert read_journal(tmp_path / "log.jsonl")[-1] == {"stopped": journal.search.stopped}


def test_another_search(tmp_path: Path) -> None:
    _open(tmp_path / "log.jsonl")
    with pytest.raises(UserError, match="this log is about another search"):
        Journal(search(CoarseGrid()), tmp_path / "log.jsonl", {"sampler": "grid", "seed": 0})


def test_a_line_that_is_none(tmp_path: Path) -> None:
    _open(tmp_path / "log.jsonl")
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write("not json\n")
    with pytest.raises(UserError, match=r"log.jsonl:2: no line of a search's log"):
        _open(tmp_path / "log.jsonl")


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("about", {"began": "yesterday"}, "began: found 'yesterday', which is none"),
        ("about", {"limit_usd": float("nan")}, "limit_usd: found nan"),
        ("about", {"existing": [{"plan": {}, "units": {}}]}, "existing: found "),
        ("asked", {"asked": {"task": "t"}}, "asked: found {'task': 't'}, which is none"),
        ("asked", {"cost_usd": 1e308}, "cost_usd: found 1e+308"),
        ("told", {"told": 2**63}, "told: found 9223372036854775808"),
        ("told", {"told": 4000}, "log.jsonl: tell: found 4000; proposals that are pending"),
        ("told", {"score": "good"}, "score: found 'good'"),
        ("told", {"score": None, "cost_usd": -1}, "cost_usd: found -1"),
        ("told", {"row": [1]}, "row: found [1]"),
        ("told", {"row": {"cell": "a"}}, "row: no column 'schema'"),
        ("told", {"row": row(status="awaiting_labels", score=None)}, "row: status is awaiting_labels; expected measured"),
        ("told", {"row": row(n=-5)}, "n of cell tiny-annotate-B1-N-5-seed0 is -5; expected a whole"),
    ],
)  # fmt: skip
def test_an_entry_that_is_none(
    tmp_path: Path, kind: str, change: dict[str, Any], message: str
) -> None:
    """A search does not go on from numbers that nobody wrote, and leaves the log as it is."""
    path = tmp_path / "log.jsonl"
    _go_on(_open(path), 2)
    _refused(path, lambda entry: {**entry, **change} if kind in entry else entry, message)


def test_lines_that_are_no_entries(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    _go_on(_open(path), 1)
    whole = path.read_bytes()
    for line, message in (
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff\xfe", "no line of a search's log"),
        (b"[1]", "expected a JSON object"),
        (b'{"asked": 1}', "no 'cost_usd'"),
    ):
        path.write_bytes(whole + line + b"\n")
        with pytest.raises(UserError, match=message):
            _open(path)
        assert path.read_bytes() == whole + line + b"\n"
    path.unlink()
    path.mkdir()
    with pytest.raises(
        UserError, match="log.jsonl: a folder is where a file is needed; expected the log"
    ):
        _open(path)


def _refused(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]], message: str) -> None:
    entries = [change(entry) for entry in read_journal(path)]
    content = "".join(json.dumps(entry) + "\n" for entry in entries)
    path.write_text(content)
    with pytest.raises(UserError) as mistake:
        _open(path)
    assert message in str(mistake.value) and str(path) in str(mistake.value)
    assert path.read_text() == content
