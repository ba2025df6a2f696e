"""Rows that one plan gets right and another wrong, out of a real store; and what result dirs hold beside rows."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from raydoa.experiment.beside_rows import DATA_CHECK_FILE, SWEEP_FILE, write_beside_rows
from raydoa.report.beside import Beside, read_beside
from raydoa.report.best_within_budget import budgets_of
from raydoa.report.columns import as_cells, sorted_cells
from raydoa.report.examples.compare import MOST_ROWS, compare
from raydoa.report.examples.evaluations import Evaluation, Evaluations, Unreadable
from raydoa.report.examples.gather import gather, pairs_of
from raydoa.report.page.document import page
from raydoa.report.pareto import measured_by_plan
from raydoa.store.remote_storage import RemoteStorage
from raydoa.store.store import Store
from raydoa.tasks.look.written import WrittenOdd, read_looks
from tests.unit.answered import answered, right_answers
from tests.unit.conftest import Measured
from tests.unit.report.conftest import grid
from tests.unit.report.test_page import _data
from tests.unit.world import World

CLASSES = ("YES", "NO")


def _evaluation(predictions: list[str], targets: list[str], **more: Any) -> Evaluation:
    names = tuple(f"test-{number}" for number in range(len(targets)))
    values: dict[str, Any] = {
        "data": "d", "ids": names, "sources": tuple(f"text of {name}" for name in names), "targets": tuple(targets),
        "predictions": tuple(predictions), "metric": "accuracy", "classes": CLASSES, **more,
    }  # fmt: skip
    return Evaluation(**values)


def test_counts_rows_and_confusion() -> None:
    targets = ["YES", "YES", "NO", "NO", "YES"]
    first = _evaluation(["yes ", "YES", "YES", "NO", "NO"], targets)
    second = _evaluation(["YES", "maybe", "NO", "NO", "NO"], targets)
    found = compare(first, second, texts=True)
    assert found["rows"] == 5
    assert found["right"] == {"both": 2, "first": 1, "second": 1, "none": 1}
    ours, theirs = found["examples"]
    assert ours == [
        {"source": "text of test-1", "target": "YES", "first": "YES", "second": "maybe"}
    ]
    assert [row["source"] for row in theirs] == ["text of test-2"]
    assert found["confusion"] == {
        "gold": ["YES", "NO"],
        "said": ["YES", "NO", "no class"],
        "tables": [[[2, 1, 0], [1, 1, 0]], [[1, 1, 1], [0, 2, 0]]],
    }
    assert compare(first, second, texts=False)["examples"] is None


def test_long_texts_and_many_rows_are_cut() -> None:
    right = ["YES"] * 50
    first = _evaluation(right, right, sources=("a" * 1000,) * 50)
    [ours, theirs] = compare(first, _evaluation(["NO"] * 50, right), texts=True)["examples"]
    assert len(ours) == MOST_ROWS and theirs == []
    assert ours[0]["source"] == "a" * 300 + "…"


def test_rare_classes_are_one_line() -> None:
    classes = tuple(f"class {number}" for number in range(30))
    targets = [name for number, name in enumerate(classes) for _ in range(30 - number)]
    first = _evaluation(targets, targets, metric="macro_f1", classes=classes)
    found = compare(first, first, texts=False)["confusion"]
    assert found["gold"] == [*classes[:12], "other classes"]
    assert found["said"] == [*classes[:12], "other classes", "no class"]
    assert found["tables"][0][12][12] == sum(range(1, 19)), "they are right"
    assert sum(map(sum, found["tables"][0])) == len(targets)


def test_text_is_right_where_its_own_score_is_1() -> None:
    more = {"metric": "squad_f1", "classes": ()}
    first = _evaluation(["the moon", "Mars"], ["Moon", "red Mars"], **more)
    found = compare(first, _evaluation(["", "Red mars"], ["Moon", "red Mars"], **more), texts=True)
    assert found["right"] == {"both": 0, "first": 1, "second": 1, "none": 0}
    assert found["confusion"] is None
    tags = _evaluation(["Add [Action]", ""], ["Add [Action]", ""], metric="entity_f1", classes=("Action",))  # fmt: skip
    assert tags.right == [True, True] and compare(tags, tags, texts=True)["confusion"] is None
    with pytest.raises(Unreadable, match="bert_ibleu knows no answer that is right"):
        _ = _evaluation(["a"], ["b"], metric="bert_ibleu").right


def test_other_rows_are_not_compared() -> None:
    first = _evaluation(["YES"], ["YES"])
    for other in ({"data": "e"}, {"ids": ("test-9",)}):
        with pytest.raises(Unreadable, match="scored on different rows"):
            compare(first, _evaluation(["YES"], ["YES"], **other), texts=True)


@pytest.fixture(scope="module")
def cells(measured: Measured) -> pd.DataFrame:
    return sorted_cells(as_cells([dict(row) for row in measured.rows.values()], "measured"))


@pytest.fixture
def store(measured: Measured) -> str:
    return measured.resolved.context.store.url


def test_what_is_gathered_is_what_was_scored(cells: pd.DataFrame, store: str) -> None:
    found = gather(cells, budgets_of(cells), [store], texts=True)
    assert found["why"] is None and found["texts"]
    numbered = measured_by_plan(cells)
    scores = numbered.drop_duplicates("plan").set_index("plan")["score"]
    assert {(pair["task"], pair["n"]) for pair in found["pairs"]} == {("tiny", 8), ("tiny", 16)}
    for pair in found["pairs"]:
        rows, right = pair["rows"], pair["right"]
        assert rows == 12 and sum(right.values()) == rows
        assert (right["both"] + right["first"]) / rows == pytest.approx(scores[pair["plan"]])
        assert (right["both"] + right["second"]) / rows == pytest.approx(scores[pair["rival"]])
        for table, number in zip(pair["confusion"]["tables"], ("plan", "rival"), strict=True):
            hits = sum(line[i] for i, line in enumerate(table))
            assert hits / rows == pytest.approx(scores[pair[number]])
        assert [len(rows) for rows in pair["examples"]] == [right["first"], right["second"]]


def test_each_pair_is_there_once_and_the_opening_question_first(cells: pd.DataFrame) -> None:
    budgets = budgets_of(cells)
    pairs = list(pairs_of(cells, budgets))
    assert len({(pair.plan, pair.rival) for pair in pairs}) == len(pairs) >= 2
    assert [pair.budget for pair in pairs[:2]] == [budgets[1], budgets[1]]


@pytest.mark.parametrize("stores", [[], ["/nowhere/at/all"], ["nothing://bucket/store"]])
def test_without_a_store_there_is_a_reason(cells: pd.DataFrame, stores: list[str]) -> None:
    found = gather(cells, budgets_of(cells), stores, texts=True)
    assert found["pairs"] == []
    assert "--store says it" in found["why"] if not stores else stores[0] in found["why"]
    assert _data(page(cells, beside=Beside(stores=tuple(stores))))["examples"]["why"] == found["why"]  # fmt: skip


def test_a_store_that_does_not_answer(
    cells: pd.DataFrame, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(Store, "find", lost)
    found = gather(cells, budgets_of(cells), [store], texts=True)
    assert found["why"] == f"{store}: cannot be reached (no route to host)"


def test_a_store_that_was_emptied_and_one_that_has_it(
    cells: pd.DataFrame, store: str, tmp_path: Path
) -> None:
    assert gather(cells, budgets_of(cells), [str(tmp_path), store], texts=True)["why"] is None
    why = gather(cells, budgets_of(cells), [str(tmp_path)], texts=True)["why"]
    assert why.startswith(f"{tmp_path}: no artifact ") and why.endswith("it was removed from it")


def test_predictions_that_are_none_are_a_reason(
    cells: pd.DataFrame, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = cells["key_evaluation"].dropna().iloc[0]
    monkeypatch.setattr("raydoa.report.examples.evaluations.TEST_FILE", "train.parquet")
    with pytest.raises(Unreadable, match="cannot be read"):
        Evaluations([store]).of(key)


def test_texts_can_be_left_out(world: World) -> None:
    right = right_answers(world)
    mistaken = ["NO", *right[1:]] if right[0] == "YES" else ["YES", *right[1:]]
    cells = answered(world, {"annotate": mistaken, "distill": [*right[:-2], "maybe", "maybe"]})
    write_beside_rows(world.resolved(), world.folder / "results")
    beside = read_beside([str(world.folder / "results")])
    [quoting] = beside.looks
    quoted = quoting.model_copy(update={"odd": (WrittenOdd(line="odd", quoted=": secret"),)})
    beside = replace(beside, looks=(quoted,))
    whole, bare = (page(cells, beside=beside, texts=texts) for texts in (True, False))
    [pair], [left] = (_data(written)["examples"]["pairs"] for written in (whole, bare))
    assert pair["right"] == {"both": 9, "first": 2, "second": 1, "none": 0}
    sources = [row["source"] for rows in pair["examples"] for row in rows]
    assert len(sources) == 3 and all(source in whole for source in sources)
    assert not any(source in bare for source in sources)
    assert ": secret" in whole and ": secret" not in bare
    assert left == {**pair, "examples": None}, "counts and confusion stay"


def test_what_lies_beside_rows(measured: Measured, tmp_path: Path, store: str) -> None:
    assert read_beside([str(tmp_path)]) == Beside(), "an older raydoa wrote neither"
    write_beside_rows(measured.resolved, tmp_path)
    found = read_beside([str(tmp_path), f"{tmp_path}/"])
    assert found.stores == (store,) and found.gaps == ()
    [look] = found.looks
    assert look.task == "tiny" and look.counts == {"labelled rows": 100, "test rows": 12}
    assert set(look.classes["test"]) == set(CLASSES)
    remote = RemoteStorage("memory://beside/one")
    for name in (DATA_CHECK_FILE, SWEEP_FILE):
        remote.write(name, (tmp_path / name).read_bytes())
    assert read_beside(["memory://beside/one"]) == found
    before = (tmp_path / DATA_CHECK_FILE).stat().st_mtime_ns
    write_beside_rows(measured.resolved, tmp_path)
    assert (tmp_path / DATA_CHECK_FILE).stat().st_mtime_ns == before, "of the same rows"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (DATA_CHECK_FILE, "{"),
        (DATA_CHECK_FILE, '{"tasks": [{"task": 3}]}'),
        (SWEEP_FILE, "[]"),
        (SWEEP_FILE, '{"store": 1}'),
    ],
)
def test_a_file_that_is_none_is_a_line(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    found = read_beside([str(tmp_path)])
    assert found.looks == found.stores == ()
    [gap] = found.gaps
    assert gap.startswith(f"{tmp_path}: the look at the data, or where artifacts lie, cannot be read (")  # fmt: skip


def test_text_cannot_leave_the_island(tmp_path: Path) -> None:
    hostile = "</script><img src=x onerror=alert(1)>"
    odd = {"line": hostile, "quoted": hostile}
    look = {
        "task": "tiny", "metric": "accuracy", "counts": {hostile: 3}, "classes": {"train": {hostile: 3}},
        "sizes": [hostile], "notes": [hostile], "odd": [odd], "wrong": [hostile],
    }  # fmt: skip
    written = page(grid(), beside=Beside(read_looks(json.dumps({"tasks": [look]}).encode())))
    assert "<img" not in written and written.count("</script>") == 3
    assert _data(written)["looks"] == [look]
