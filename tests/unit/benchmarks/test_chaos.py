"""The judge of chaotic runs: what it draws, what it lets pass and what not. The runs themselves are in `tests/ray`."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.chaos_runs.damage import cut, damage
from benchmarks.chaos_runs.drawing import AFTER_THE_END, FAULTS, draw
from benchmarks.chaos_runs.said import said
from benchmarks.chaos_runs.summary import summary, table
from benchmarks.chaos_runs.sweep import Place
from benchmarks.chaos_runs.truth import Truth, differences

_PROGRESS = "priced at $3.50; labels\n[00:12] 0/3 trials; running: 1 x task_data; left\n"
_TRUTH = Truth({"a": {"score": 0.5, "cost_total": 1.0}}, 2.0, {"k": "content"}, 20.0)


def test_a_seed_decides_everything() -> None:
    drawn = [draw(seed) for seed in range(300)]
    assert drawn == [draw(seed) for seed in range(300)]
    assert {len(d.faults) for d in drawn} == {1, 2, 3}
    faults = [fault for d in drawn for fault in d.faults]
    assert {fault.name for fault in faults} == set(FAULTS), "each is drawn within 300 seeds"
    assert all(0 <= fault.delay <= 3 and 3 <= fault.stopped <= 40 for fault in faults)
    assert AFTER_THE_END in {fault.moment for fault in faults}
    for d in drawn:
        actions = [fault.action for fault in d.faults]
        assert actions.count("full") <= 1 and actions.count("stop") <= 1


def test_drawn_from_some_alone() -> None:
    assert {draw(seed, ["SIGINT", "kill gcs"], 1).faults[0].name for seed in range(20)} == {
        "SIGINT",
        "kill gcs",
    }


@pytest.mark.parametrize("seed", range(12))
def test_damage_is_damage(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(b"0123456789")
    how = damage(path, random.Random(seed))
    now = path.read_bytes() if path.exists() else None
    assert now != b"0123456789"
    assert (now is None) == (how == "removed")
    path.write_bytes(b"0123456789")
    cut(path, random.Random(seed))
    assert 5 <= path.stat().st_size < 10


def _of(folder: Path, err: str, code: int, *, killed: bool = False) -> tuple[str, ...]:
    (folder / "0.err").write_text(err, encoding="utf-8")
    return said(Place(folder), 0, code, 1.0, killed).broken


@pytest.mark.parametrize(
    ("err", "code", "broken"),
    [
        (_PROGRESS, 0, ()),
        (_PROGRESS + "raydoa: stopped with 1 of 3 trials done\n", 130, ()),
        (_PROGRESS + "WARNING raydoa.x: dropped\nraydoa: failed\n", 1, ()),
        (_PROGRESS, 1, ("0 final lines",)),
        (_PROGRESS + "raydoa: one\nraydoa: two\n", 1, ("2 final lines",)),
        (_PROGRESS + "raydoa: one\nand more\n", 1, ("1 final lines",)),
        (_PROGRESS + "raydoa: one\n", -6, ("exit code -6",)),
        ("Traceback (most recent call last):\nValueError\n", 0, ("traceback",)),
        ("*** SIGABRT received\nraydoa: one\n", 1, ("stack dump",)),
    ],
)
def test_what_a_user_may_see(tmp_path: Path, err: str, code: int, broken: tuple[str, ...]) -> None:
    assert _of(tmp_path, err, code) == broken


def test_noise_is_counted(tmp_path: Path) -> None:
    (tmp_path / "0.err").write_text(
        _PROGRESS + "[2026 E 1] core_worker.cc\nWARNING raydoa.x: y\nraydoa: z\n", encoding="utf-8"
    )
    seen = said(Place(tmp_path), 0, 1, 1.0, killed=False)
    assert (seen.noise, seen.last, seen.broken) == (2, "raydoa: z", ())
    assert seen.others == ("WARNING raydoa.x: y", "[2026 E 1] core_worker.cc")


def test_who_is_killed_says_nothing(tmp_path: Path) -> None:
    assert _of(tmp_path, _PROGRESS, -9, killed=True) == ()
    assert _of(tmp_path, _PROGRESS, -9) == ("exit code -9", "0 final lines")


def test_what_differs_from_a_clean_run() -> None:
    def lines(ours: Truth, lost: bool = False) -> list[str]:
        return differences(ours, _TRUTH, lost)

    assert lines(_TRUTH) == []
    assert lines(replace(_TRUTH, seconds=99.0)) == []
    other = {"a": {"score": 0.25, "cost_total": 1.0}}
    assert lines(replace(_TRUTH, rows=other)) == ["table: a: score is 0.25, not 0.5"]
    assert lines(replace(_TRUTH, rows={})) == ["table: 1 rows are missing and 0 too many"]
    assert lines(replace(_TRUTH, contents={"k": "other"}), lost=True) == [
        "artifacts: 1 of 1 have other bytes"
    ]
    # What is lost may be paid for twice, and is not made again where nobody needs it; nothing is ever paid less than once.
    paid_twice, unpaid = replace(_TRUTH, incurred=2.5), replace(_TRUTH, incurred=1.5)
    assert lines(paid_twice) == ["table: incurred $2.500000, not $2.000000"]
    assert lines(paid_twice, lost=True) == []
    assert lines(unpaid) == lines(unpaid, lost=True) == ["table: incurred $1.500000, not $2.000000"]
    assert lines(replace(_TRUTH, incurred=2.000001)) == [], "each plan's share is rounded up"
    gone = replace(_TRUTH, contents={})
    assert lines(gone) == ["artifacts: 1 are missing"] and lines(gone, lost=True) == []


def test_table_and_summary() -> None:
    run = {
        "code": 1,
        "seconds": 9.0,
        "last": "raydoa: lost /x/y | 12",
        "others": [],
        "noise": 1,
        "broken": [],
    }
    fault = {"fault": "kill gcs", "moment": "row", "delay": 1.0, "happened": True, "run": 1}
    missed = {**fault, "fault": "SIGINT", "happened": False}
    outcome = {
        "seed": 1, "faults": [fault, missed], "runs": [run, run], "seconds": 20.0, "made_again": 2,
        "made_again_untouched": 1, "made_in_vain": 0, "seconds_more": 8.0, "verdict": "broken",
        "broken": ["run 1: traceback", "table: a: score is 1, not 2"],
    }  # fmt: skip
    found = summary([outcome])
    assert found["runs"] == 1 and found["equal"] == 0 and found["again"] == 1
    assert found["noisy"] == 1
    assert found["broken"] == {"traceback": 1, "table": 1}
    assert list(found["faults"]) == ["kill gcs"], "what did not happen counts for nothing"
    head, rule, row = table([outcome]).splitlines()
    assert head.count("|") == rule.count("|") == row.count("|")
    assert row == "| kill gcs | 1 | 0 | 1 | 1 | 2 | 8 | 1: raydoa: lost .. / .. (1) |"
