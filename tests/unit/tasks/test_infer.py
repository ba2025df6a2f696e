"""From a file to a task: what is inferred, what is left to say, and that the file can be read."""

import json
from pathlib import Path

import pytest

from raydoa.cli import main
from raydoa.errors import UserError
from raydoa.tasks.infer import infer
from raydoa.tasks.task import read_task_yaml
from tests.unit.tasks.test_cases import CLASSES, ROWS, jsonl


def fields(train: Path) -> dict[str, object]:
    return {field.name: field.value for field in infer("mine", train)[0]}


def test_classes(tmp_path: Path) -> None:
    train = tmp_path / "t.csv"
    train.write_text("text,label\n" + "".join(f"row {n} of words,{c}\n" for n in range(9) for c in CLASSES) + "x,DEFECT\ny,\n")  # fmt: skip
    found = fields(train)
    assert found["metric"] == "accuracy" and found["classes"] == ["defect", "billing", "question"]
    assert found["source_length"] == 32 and found["target_length"] == 8
    train.write_text("text,label\n" + "".join(f"row {n},{CLASSES[n % 10 == 0]}\n" for n in range(40)))  # fmt: skip
    assert fields(train)["metric"] == "macro_f1", "nine of ten are one class"


def test_numbers_are_classes(tmp_path: Path) -> None:
    train = tmp_path / "t.jsonl"
    train.write_text("".join(json.dumps({"text": f"row {n}", "label": n % 2}) + "\n" for n in range(10)))  # fmt: skip
    assert fields(train)["classes"] == ["0", "1"]


def test_what_is_no_task(tmp_path: Path) -> None:
    train = tmp_path / "t.jsonl"
    train.write_text(
        "".join(json.dumps({"text": f"row {n}", "label": n}) + "\n" for n in range(60))
    )
    with pytest.raises(UserError, match=r"t\.jsonl:\d+: found a number, and too many others"):
        infer("mine", train)
    train.write_text(
        "".join(json.dumps({"text": f"row {n}", "label": ["a"]}) + "\n" for n in range(9))
    )
    with pytest.raises(UserError, match="all 9 rows have the target 'a'"):
        infer("mine", train)


def test_spans_and_text(tmp_path: Path) -> None:
    train = tmp_path / "t.jsonl"
    spans = [{"id": n, "text": "Ada in Rome", "label": [[0, 3, "PER"], [7, 11, "LOC"]]} for n in range(4)]  # fmt: skip
    train.write_text("".join(json.dumps(row) + "\n" for row in spans))
    assert (fields(train)["metric"], fields(train)["classes"]) == ("entity_f1", ["PER", "LOC"])
    for words, metric in ((2, "squad_f1"), (20, "bert_ibleu")):
        texts = [{"source": "why?", "target": f"answer {n} " + "word " * words} for n in range(9)]
        train.write_text(jsonl(texts))
        assert fields(train)["metric"] == metric


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train, test = tmp_path / "My Tickets.csv", tmp_path / "test.jsonl"
    train.write_text("text;label\n" + "".join(f"row {n};{c}\n" for n in range(5) for c in CLASSES))  # fmt: skip
    test.write_text(jsonl(ROWS))
    assert main(["init", str(train)]) == 0
    out = capsys.readouterr().out
    assert "# STILL TO SAY: test: FILE" in out and "# STILL TO SAY: label_price" in out
    assert "separator is a semicolon" in out
    file = tmp_path / "my-tickets.yaml"
    assert main(["init", str(train)]) == 2 and "is there already" in capsys.readouterr().err
    file.unlink()
    price = ["--label-usd", "0.2", "--label-source", "a quote"]
    assert main(["init", str(train), "--test", str(test), *price]) == 0
    spec = read_task_yaml(file)
    assert spec.classes == ("billing", "defect", "question") and spec.metric == "accuracy"
    assert main(["check", str(file)]) == 0
    assert main(["init", str(tmp_path / "gone.csv")]) == 2
    assert main(["init", str(train), "--name", "My Other", "--label-usd", "1"]) == 2
    assert (
        main(["init", str(train), "--name", "My Other"]) == 0
        and (tmp_path / "my-other.yaml").exists()
    )
