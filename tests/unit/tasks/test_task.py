"""Task descriptions, the catalog, and a user's YAML."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from raydoa.errors import UserError
from raydoa.settings import parse
from raydoa.tasks.catalog import TASKS, task_named
from raydoa.tasks.metrics import MEASURES
from raydoa.tasks.own_task import read_task_yaml
from raydoa.tasks.reading.rows import read_rows
from raydoa.tasks.task import (
    BERTSCORE_VARIABLE,
    METRIC_NAMES,
    HubDataset,
    TaskSpec,
    hub_dataset,
)

PAPER_TASKS = ["wlp", "stanceosaurus", "fever", "multipit_id", "multipit_gen", "nq"]

LEAST = {
    "name": "mine",
    "prefix": "",
    "metric": "exact_match",
    "source_length": 16,
    "target_length": 4,
}


def spec(**changes: object) -> TaskSpec:
    return parse({**LEAST, **changes}, TaskSpec, where="mine.yaml")


def test_the_six_tasks_are_known():
    assert set(PAPER_TASKS) <= set(TASKS)
    for name in PAPER_TASKS:
        task = task_named(name)
        assert task.name == name
        assert task.train == f"{name}/train.jsonl"
        assert task.prefix == f"{name}: "


def test_whose_labels_a_task_has():
    """The tasks that are known are for research: their labels are in hand."""
    assert {task.labels for task in TASKS.values()} == {"gold"}
    assert spec().labels is None
    assert spec(labels="people", pool="pool.jsonl").labels == "people"


def test_class_0_of_the_paper_comes_first():
    first = {name: TASKS[name].classes[0] for name in ("fever", "multipit_id", "stanceosaurus")}
    assert first == {"fever": "REFUTES", "multipit_id": "NO", "stanceosaurus": "Irrelevant"}


def test_an_unknown_task_is_told_what_there_is():
    with pytest.raises(UserError, match=r"not one of wlp, .*did you mean 'fever'.*YAML") as told:
        task_named("fevr")
    assert "\n" not in str(told.value)


def test_every_metric_name_has_a_measure():
    assert set(MEASURES) == set(METRIC_NAMES)


def test_planning_imports_are_light():
    heavy = ["numpy", "torch", "pandas", "pyarrow", "datasets", "transformers", "sacrebleu"]
    code = (
        "import sys, raydoa.tasks.task, raydoa.tasks.catalog; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"metric": "acuracy"}, r"mine.yaml: metric: found 'acuracy'.*did you mean 'accuracy'"),
        ({"metric": "accuracy"}, "metric accuracy needs at least two classes"),
        ({"metric": "accuracy", "classes": ["Yes", "yes "]}, "differ in more than case"),
        ({"classes": [False, True]}, r'booleans in YAML: write \["NO", "YES"\]'),
        ({"train": "rows.docx"}, r"train: found 'rows.docx'; rows are read from .jsonl, .csv"),
        ({"train": "hf:squad"}, "hf:NAME:SPLIT or hf:NAME:CONFIG:SPLIT"),
        ({"target_length": 0}, "target_length"),
        ({"name": "My Task"}, "name"),
        ({"label_price": {"usd": -1, "source": "x", "date": "2026-01-01"}}, "label_price.usd"),
        ({"labels": "peopel"}, "labels: found 'peopel'; input should be 'gold' or 'people'"),
        ({"colums": {}}, "colums: unknown field; known are .*columns"),
    ],
)
def test_mistakes_in_a_task_are_told_in_one_line(changes, told):
    with pytest.raises(UserError, match=told) as error:
        spec(**changes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("hf:squad:train", ("squad", None, "train")),
        ("hf:org/name:en:validation", ("org/name", "en", "validation")),
        ("hf:glue:sst2:train[:1000]", ("glue", "sst2", "train[:1000]")),
        ("hf:/data/mine:test", ("/data/mine", None, "test")),
        ("rows.jsonl", None),
    ],
)
def test_hub_locations(location, expected):
    if expected is None:
        assert hub_dataset(location) is None
    else:
        name, config, split = expected
        assert hub_dataset(location) == HubDataset(name=name, config=config, split=split)


def test_the_example_in_the_docs_is_a_task_with_rows(repository: Path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    task = read_task_yaml(repository / "docs" / "examples" / "my_task.yaml")
    rows = read_rows(task, data_root=None)
    assert task.classes == ("billing", "bug", "question", "praise")
    assert task.label_price is not None
    assert task.label_price.date == date(2026, 11, 1)
    assert len(rows.train) == 32
    assert len(rows.test) == 12
    assert {row.target for row in rows.train} == set(task.classes)


def test_a_users_task_names_its_rows(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "name: mine\nprefix: ''\nmetric: exact_match\nsource_length: 8\ntarget_length: 8\n"
    )
    with pytest.raises(UserError, match=r"mine.yaml: train: missing"):
        read_task_yaml(path)


def test_the_scoring_model_is_the_tasks_or_the_environments(tmp_path, monkeypatch):
    own, other = tmp_path / "own", tmp_path / "other"
    own.mkdir()
    other.mkdir()
    monkeypatch.delenv(BERTSCORE_VARIABLE, raising=False)
    assert spec(metric="bert_ibleu").scoring_model() is None
    monkeypatch.setenv(BERTSCORE_VARIABLE, str(other))
    assert spec(metric="bert_ibleu").scoring_model() == other
    assert spec(metric="bert_ibleu", bertscore_model=str(own)).scoring_model() == own
    assert spec(metric="exact_match").scoring_model() is None
    monkeypatch.setenv(BERTSCORE_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(UserError, match=r"RAYDOA_BERTSCORE_MODEL: no folder .*none"):
        spec(metric="bert_ibleu").scoring_model()
