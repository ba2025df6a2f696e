"""A look at rows: what is odd is counted, and what makes scores meaningless is refused by name."""

import json
import random
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from raydoa.cli import main
from raydoa.errors import UserError
from raydoa.tasks.data import Row, TaskRows
from raydoa.tasks.look.balance import least_difference
from raydoa.tasks.look.drift import _auc, telling_apart
from raydoa.tasks.look.duplicates import find_duplicates, normal
from raydoa.tasks.look.leaks import find_leaks
from raydoa.tasks.look.lengths import lengths_in_tokens
from raydoa.tasks.look.look import look_at
from raydoa.tasks.look.problems import check_meaning, find_problems
from tests.unit.tasks.test_cases import CLASSES, ROWS, jsonl, spec


def rows_of(part: str, *pairs: tuple[str, str | None]) -> tuple[Row, ...]:
    return tuple(Row(f"{part}-{n}", *pair) for n, pair in enumerate(pairs))


def test_duplicates_are_found_as_a_reader_sees_them() -> None:
    rows = TaskRows(
        train=rows_of("train", ("Hello  world", "billing"), ("hello world", "defect"), ("b", "billing"), ("ﬁne", "billing")),
        test=rows_of("test", ("HELLO\tworld ", "billing"), ("d", "billing")),
        pool=rows_of("pool", ("d", None), ("fine", None), ("new", None), ("new", None)),
    )  # fmt: skip
    found = find_duplicates(rows)
    assert found.within == {"train": 1, "test": 0, "pool": 1}
    assert found.of_test == {"train": 2, "pool": 1} and found.in_test == 1 and found.of_train == 1
    assert found.divided == 1 and found.example == ("hello world", ("billing", "defect"))


@given(st.text(st.sampled_from(" \t\n\u00a0\u2003\u200baB\u00df\ufb01")))
def test_normal_is_what_a_reader_sees(text: str) -> None:
    assert normal(text) == " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@given(st.text())
def test_normal_is_stable(text: str) -> None:
    assert normal(f"  {normal(text)} ") == normal(normal(text))


@pytest.mark.parametrize(
    ("rows", "least"), [(1, 1.0), (5, 1.0), (6, 1.0), (100, 0.06), (600, 0.01)]
)
def test_what_a_test_set_can_tell(rows: int, least: float) -> None:
    assert least_difference(rows) == pytest.approx(least)


def test_a_pool_from_elsewhere() -> None:
    draw = random.Random(0)
    letters, numbers = "abcdefghij", "0123456789"
    texts = [" ".join(draw.choices(letters, k=8)) for _ in range(400)]
    others = [" ".join(draw.choices(numbers, k=8)) for _ in range(400)]
    alike = telling_apart(texts[:200], texts[200:])
    assert alike is not None and 0.35 < alike < 0.65
    assert telling_apart(texts, others) == 1.0
    assert telling_apart(texts[:49], others) is None
    again = telling_apart(texts[:200], texts[200:] * 4)
    assert again is not None and 0.35 < again < 0.65, "copies tell nothing"


@given(st.lists(st.tuples(st.integers(0, 5).map(float), st.integers(0, 1)), min_size=2))
def test_the_auc_is_the_library_s(scored: list[tuple[float, int]]) -> None:
    sides = {side for _, side in scored}
    if len(sides) == 2:
        expected = roc_auc_score([side for _, side in scored], [score for score, _ in scored])
        assert _auc(scored) == pytest.approx(expected)


def test_leaks() -> None:
    named = rows_of(
        "test", *[(f"this is a {name} ticket", name) for name in ("billing", "defect")] * 3
    )
    assert find_leaks(named, spec()).leaks
    asked = rows_of("test", ("billing or defect?", "billing"), ("rebilling", "defect"))
    found = find_leaks(asked, spec())
    assert (found.named, found.misnamed, found.leaks) == (1, 1, False)
    same = rows_of("test", ("one two", "One  two"), ("a", "b"))
    assert find_leaks(same, spec(metric="exact_match", classes=())).same == 1


ONE = rows_of("train", ("a", "billing"), ("b", "billing"))
TWO = rows_of("train", ("a", "billing"), ("b", "defect"))
EMPTY = rows_of("train", ("a", ""), ("b", ""))


@pytest.mark.parametrize(
    ("train", "test", "changes", "name"),
    [
        (TWO, TWO, {}, None),
        (ONE, TWO, {}, "one-class"),
        (TWO, ONE, {}, "one-class"),
        (EMPTY, TWO, {"metric": "exact_match", "classes": ()}, "empty-targets"),
        (TWO, EMPTY, {"metric": "entity_f1"}, "empty-targets"),
        (TWO, TWO, {"target_length": 2, "classes": ("billing", "defect of all")}, "cut-targets"),
        (TWO, rows_of("test", ("a", "one two three")), {"metric": "squad_f1", "classes": (), "target_length": 3}, "cut-targets"),
    ],
)  # fmt: skip
def test_what_makes_scores_meaningless(
    train: tuple[Row, ...], test: tuple[Row, ...], changes: dict[str, object], name: str | None
) -> None:
    task, rows = spec(**changes), TaskRows(train, test)
    assert [problem.name for problem in find_problems(rows, task)] == ([name] if name else [])
    check_meaning(find_problems(rows, task), "tickets", [name or ""])
    if name is not None:
        with pytest.raises(
            UserError, match=f"task tickets: .*; --allow {name} runs it all the same"
        ):
            check_meaning(find_problems(rows, task), "tickets", [])


def test_what_is_said() -> None:
    rows = TaskRows(TWO, TWO, rows_of("pool", ("c", None)), notes=("read as such",))
    assert (
        "\n".join(look_at(rows, spec(source_length=2)).lines())
        == """\
task tickets: 2 labelled rows, 2 test rows, 1 pool rows
  train: billing 1, defect 1; always the first scores 0.500 in accuracy
  test: billing 1, defect 1; always the first scores 0.500 in accuracy
  train: sources of 1 words in the middle, 1 at most
  test: sources of 1 words in the middle, 1 at most
  pool: sources of 1 words in the middle, 1 at most
  test: of 2 rows; differences of less than 100 points cannot be told from luck
  note: read as such
  odd: 2 test sources stand in train, so a model may know their answers (2 rows of train have them)"""
    )


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = json.loads(spec().model_dump_json()) | {"prefix": "t: "}
    (tmp_path / "task.yaml").write_text(json.dumps(values))
    (tmp_path / "train.jsonl").write_text(jsonl(ROWS))
    (tmp_path / "test.jsonl").write_text(jsonl(ROWS[:1]))
    assert main(["check", str(tmp_path / "task.yaml")]) == 1
    out = capsys.readouterr().out
    assert "WRONG: all 1 rows of test are 'billing'" in out and "(one-class)" in out
    (tmp_path / "test.jsonl").write_text(jsonl(ROWS))
    assert main(["check", str(tmp_path / "task.yaml")]) == 0
    assert main(["check", str(tmp_path / "gone.yaml")]) == 2


def words(texts: Sequence[str]) -> list[int]:
    """A tokenizer of words with an end."""
    return [len(text.split()) + 1 for text in texts]


def test_lengths_in_tokens() -> None:
    rows = TaskRows(rows_of("train", ("a b", "one two"), ("a b c", "x"), ("a", "x")), rows_of("test", *[("a b c d", "x y z")] * 99, ("a", "x " * 9)))  # fmt: skip
    task = spec(metric="squad_f1", classes=(), prefix="t: ", source_length=4, target_length=4)
    counted = lengths_in_tokens(rows, task, "m", words, writes=True)
    assert counted.line(task) == (
        "tokens of m: train sources 4 in the middle, 5 at most, 33.3% are cut at 4; test sources 6 in the middle, 6 at most, 99.0% "
        "are cut at 4; test targets 4 in the middle, 10 at most, 1.0% are cut at 4"
    )
    assert not list(counted.problems(task)), "one of a hundred is the odd one"
    short = task.model_copy(update={"target_length": 3})
    look = look_at(rows, short).counted([lengths_in_tokens(rows, short, "m", words, writes=True)])
    assert [problem.line for problem in look.problems[1:]] == [
        "100.0% of the test targets have more tokens of m than target_length (3), so they are cut and cannot be written: raise "
        "target_length (10 holds all)"
    ]
    assert not list(lengths_in_tokens(rows, short, "m", words, writes=False).problems(short))


def test_a_class_that_is_cut() -> None:
    task = spec(target_length=2)
    rows = TaskRows(TWO, TWO)
    counted = lengths_in_tokens(rows, task, "m", lambda texts: [len(text) for text in texts], writes=True)  # fmt: skip
    assert counted.long_classes == CLASSES
    (problem,) = counted.problems(task)
    assert problem.name == "cut-targets" and "class 'billing' has more tokens of m" in problem.line
