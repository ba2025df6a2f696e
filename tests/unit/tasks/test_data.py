"""Reading rows: four formats that agree, malformed input, fingerprints, Parquet round trips."""

import csv
import json
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.errors import UserError
from raydoa.tasks.data import Row, TaskRows, fingerprint, load_rows, write_rows
from raydoa.tasks.reading.rows import read_rows
from raydoa.tasks.task import Columns, TaskSpec

PAIRS = [
    ("plain", "one"),
    ('commas, "quotes"', "two"),
    ("two\nlines and μl °C", ""),
    (" blanks kept ", " three"),
]


def spec(**changes: object) -> TaskSpec:
    values = {
        "name": "mine",
        "prefix": "",
        "metric": "exact_match",
        "source_length": 16,
        "target_length": 4,
        "train": "train.jsonl",
        "test": "test.jsonl",
        "test_rows_elsewhere": "kept",
    }
    return TaskSpec.model_validate({**values, **changes})


def write_jsonl(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One data set in all formats: ``{train,test}.{jsonl,csv,parquet}``."""
    rows = [{"source": source, "target": target} for source, target in PAIRS]
    for part in ("train", "test"):
        write_jsonl(tmp_path / f"{part}.jsonl", rows)
        with (tmp_path / f"{part}.csv").open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.DictWriter(file, ["target", "source"])
            writer.writeheader()
            writer.writerows(rows)
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"{part}.parquet")
    return tmp_path


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_formats_agree(folder, suffix):
    rows = read_rows(spec(train=f"train.{suffix}", test=f"test.{suffix}"), folder)
    assert [(row.source, row.target) for row in rows.train] == PAIRS
    assert [row.id for row in rows.test] == ["test-0", "test-1", "test-2", "test-3"]
    assert fingerprint(rows) == fingerprint(read_rows(spec(), folder))


def test_a_hugging_face_dataset_in_a_folder(folder, monkeypatch, tmp_path):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    here = folder / "hub"
    here.mkdir()
    for part in ("train", "test"):
        (folder / f"{part}.parquet").rename(here / f"{part}.parquet")
    rows = read_rows(spec(train=f"hf:{here}:train", test=f"hf:{here}:test[:2]"), None)
    assert [(row.source, row.target) for row in rows.train] == PAIRS
    assert len(rows.test) == 2
    with pytest.raises(UserError, match=r"hf:.*hub:none: cannot be read \(.*none") as told:
        read_rows(spec(train=f"hf:{here}:none", test="test.jsonl"), folder)
    assert "\n" not in str(told.value)


def test_class_numbers_of_a_dataset_become_names(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    names = datasets.ClassLabel(names=["no", "yes"])
    features = datasets.Features({"source": datasets.Value("string"), "target": names})
    made = datasets.Dataset.from_dict({"source": ["a", "b"], "target": [1, 0]}, features=features)
    (tmp_path / "d").mkdir()
    made.to_parquet(str(tmp_path / "d" / "train.parquet"))
    location = f"hf:{tmp_path / 'd'}:train"
    task = spec(metric="accuracy", classes=("NO", "YES"), train=location, test=location)
    assert [row.target for row in read_rows(task, None).train] == ["YES", "NO"]


def test_a_pool_needs_no_targets_and_text_is_text(folder):
    write_jsonl(folder / "pool.jsonl", [{"source": "x"}, {"source": "y", "target": "one"}])
    write_jsonl(folder / "text.jsonl", [{"text": "read me"}])
    rows = read_rows(spec(pool="pool.jsonl"), folder)
    assert rows.pool == (Row("pool-0", "x", None), Row("pool-1", "y", "one"))
    assert rows.unlabelled_text()[-2:] == ("x", "y")
    assert len(rows.unlabelled_text()) == len(PAIRS) + 2
    assert read_rows(spec(text="text.jsonl"), folder).unlabelled_text() == ("read me",)


def test_other_column_names(folder):
    write_jsonl(folder / "other.jsonl", [{"question": "q", "answer": "a", "more": 1}])
    columns = Columns(source="question", target="answer")
    rows = read_rows(spec(train="other.jsonl", test="other.jsonl", columns=columns), folder)
    assert rows.train == (Row("train-0", "q", "a"),)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (
            "b.jsonl",
            b'{"source": "a", "target": "b"}\n\n{"source": \n',
            r"b.jsonl:3: not JSON \(.*",
        ),
        ("b.jsonl", b'["a", "b"]\n', "b.jsonl:1: found list; each line is one object"),
        ("b.jsonl", b'{"source": "\xff", "target": ""}\n', "b.jsonl:1: not UTF-8"),
        ("b.jsonl", b'{"source": "a"}\n', "b.jsonl:1: no 'target'; found 'source'.*`columns`"),
        ("b.jsonl", b'{"source": "a", "target": null}\n', "b.jsonl:1: target: found None"),
        ("b.jsonl", b'{"source": "a", "target": 3}\n', "b.jsonl:1: target: found 3; expected text"),
        ("b.jsonl", b'{"source": " ", "target": "a"}\n', "b.jsonl:1: source: found ' '"),
        ("b.jsonl", b'{"sorce": "a", "target": "a"}\n', "did you mean"),
        ("b.jsonl", b'{"source": "\\ud83d", "target": "a"}\n', "b.jsonl:1: source: half a char"),
        ("b.jsonl", b"", "train: .*b.jsonl has no rows"),
        ("b.csv", b"source,target\na,b\na,b,c\n", "b.csv:3: found 3 fields, the header has 2"),
        ("b.csv", b"source,target\na\n", "b.csv:2: found 1 fields, the header has 2"),
        ("b.csv", b'source,target\n"a,b\n', r"b.csv:2: a quote is opened in this record"),
        ("b.csv", b"source,target\n\xff,b\n", r"b.csv:2: not UTF-8"),
        ("b.parquet", b"no parquet", r"b.parquet: not a Parquet file, or a damaged one \("),
    ],
)
def test_malformed_rows_are_told_with_their_line(folder, name, content, told):
    (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=told) as error:
        read_rows(spec(train=name), folder)
    assert "\n" not in str(error.value)


def test_a_target_that_is_no_class(folder):
    write_jsonl(folder / "c.jsonl", [{"source": "a", "target": "Supports"}] * 2)
    task = spec(metric="accuracy", classes=("SUPPORTS", "REFUTES"), train="c.jsonl", test="c.jsonl")
    assert len(read_rows(task, folder).train) == 2
    write_jsonl(folder / "c.jsonl", [{"source": "a", "target": "SUPORTS"}])
    with pytest.raises(UserError, match=r"c.jsonl:1: target: found 'SUPORTS'; classes .*did you"):
        read_rows(task, folder)


def test_missing_places(folder):
    with pytest.raises(UserError, match=r"none.jsonl: no such file; check"):
        read_rows(spec(train="none.jsonl"), folder)
    with pytest.raises(UserError, match=r"task mine: train: train.jsonl is relative .*--data"):
        read_rows(spec(), None)
    with pytest.raises(UserError, match=r"task mine: test: no location"):
        read_rows(spec(test=None), folder)
    absolute = spec(train=str(folder / "train.jsonl"), test=str(folder / "test.jsonl"))
    assert len(read_rows(absolute, None).train) == len(PAIRS)


row = st.builds(Row, st.uuids().map(str), st.text(min_size=1), st.none() | st.text())
some_rows = st.lists(row, max_size=5).map(tuple)
task_rows = st.builds(TaskRows, some_rows, some_rows, some_rows, st.lists(st.text()).map(tuple))


@given(task_rows)
def test_rows_survive_parquet(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("rows")
    write_rows(rows, folder)
    again = load_rows(folder)
    assert again == rows
    assert fingerprint(again) == fingerprint(rows)


@given(task_rows, task_rows)
def test_other_rows_have_another_fingerprint(one, other):
    assert (fingerprint(one) == fingerprint(other)) == (one == other)


def test_the_fingerprint_is_the_same_tomorrow():
    rows = TaskRows((Row("train-0", "a", "μ"),), (Row("test-0", "b", ""),), (), ("c",))
    expected = "68e10bef55990f1b2c6fefda42d8d2a2b28e5c8e9ff44954976abea74682332c"
    assert fingerprint(rows) == expected
