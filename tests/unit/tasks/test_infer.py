"""From a file to a task: what is inferred, what is left to say, and that the file can be read."""

import json
from pathlib import Path

import pytest

from raydoa.cli import main
from raydoa.errors import UserError
from raydoa.tasks.infer import infer
from raydoa.tasks.own_task import read_task_yaml
from raydoa.tasks.task import TaskSpec
from tests.unit.tasks.test_cases import CLASSES, ROWS, jsonl, spec


def probe(train: Path) -> TaskSpec:
    return spec(name="mine", metric="exact_match", classes=(), train=str(train))


def fields(train: Path) -> dict[str, object]:
    return {field.name: field.value for field in infer(probe(train)).fields}


def test_classes(tmp_path: Path) -> None:
    train = tmp_path / "t.csv"
    train.write_text("text,label\n" + "".join(f"row {n} of words,{c}\n" for n in range(9) for c in CLASSES) + "x,DEFECT\ny,\n")  # fmt: skip
    found = fields(train)
    assert found["metric"] == "accuracy" and found["classes"] == ["defect", "billing", "question"]
    assert found["source_length"] == 32 and found["target_length"] == 8
    train.write_text("text,label\n" + "".join(f"row {n},{CLASSES[n % 10 == 0]}\n" for n in range(40)))  # fmt: skip
    assert fields(train)["metric"] == "macro_f1", "nine of ten are one class"


def test_two_spellings_of_a_class_are_one(tmp_path: Path) -> None:
    train = tmp_path / "t.csv"
    train.write_text("text,label\n" + "".join(f"row {n},{c}\n" for n in range(9) for c in ("caf\u00e9", "cafe\u0301", "bar")))  # fmt: skip
    assert fields(train)["classes"] == ["caf\u00e9", "bar"]


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
        infer(probe(train))
    train.write_text(
        "".join(json.dumps({"text": f"row {n}", "label": ["a"]}) + "\n" for n in range(9))
    )
    with pytest.raises(UserError, match="all 9 rows have the target 'a'"):
        infer(probe(train))


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
    task = read_task_yaml(file)
    assert task.classes == ("billing", "defect", "question") and task.metric == "accuracy"
    assert main(["check", str(file)]) == 0
    assert main(["init", str(tmp_path / "gone.csv")]) == 2
    assert main(["init", str(train), "--name", "My Other", "--label-usd", "1"]) == 2
    assert (
        main(["init", str(train), "--name", "My Other"]) == 0
        and (tmp_path / "my-other.yaml").exists()
    )


@pytest.mark.parametrize(
    ("answers", "price"),
    [
        (["test.jsonl", "much", "$0.2", "a quote"], '"usd": 0.2, "source": "a quote"'),
        (["", ""], "# STILL TO SAY: label_price"),
        (["", "0.2"], "# STILL TO SAY: label_price"),
    ],
)
def test_a_terminal_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: list[str], price: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("text,label\n" + "".join(f"row {n},{c}\n" for n in range(5) for c in CLASSES))  # fmt: skip
    Path("test.jsonl").write_text(jsonl(ROWS))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    asked = iter(answers)

    def answer(_question: str) -> str:
        if (given := next(asked, None)) is None:
            raise EOFError
        return given

    monkeypatch.setattr("builtins.input", answer)
    assert main(["init", "t.csv"]) == 0
    assert next(asked, None) is None
    written = Path("t.yaml").read_text()
    assert price in written and ('test: "test.jsonl"' in written) == bool(answers[0])


LEFT_OUT = """
name: mine
train: t.csv
test: e.csv
label_price: {usd: 0.1, source: a quote, date: 2026-11-01}
"""


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    """A task that leaves out all that may be."""
    for part, word in (("t", "row"), ("e", "other")):
        rows = (f"{word} {n} of words,{c}\n" for n in range(9) for c in CLASSES)
        (tmp_path / f"{part}.csv").write_text("text,label\n" + "".join(rows))
    file = tmp_path / "mine.yaml"
    file.write_text(LEFT_OUT)
    return file


def test_what_a_task_leaves_out(tickets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = read_task_yaml(tickets)
    assert (task.prefix, task.metric, task.source_length, task.target_length) == ("mine: ", "accuracy", 32, 8)  # fmt: skip
    assert task.classes == CLASSES and len(task.inferred) == 5
    assert main(["check", str(tickets)]) == 0
    out = capsys.readouterr().out
    assert f'note: {tickets}: leaves out classes, which is inferred: ["billing", "defect", "question"] (the most' in out  # fmt: skip
    tickets.write_text(f"{LEFT_OUT}metric: macro_f1\nsource_length: 17\nprefix: ''\n")
    task = read_task_yaml(tickets)
    assert (task.prefix, task.metric, task.source_length, task.classes) == ("", "macro_f1", 17, CLASSES)  # fmt: skip
    assert [line.split(": ")[1] for line in task.inferred] == [
        "leaves out classes, which is inferred", "leaves out target_length, which is inferred",
    ]  # fmt: skip
    tickets.write_text(f"{LEFT_OUT}class_of: {{billing: B, defect: D, question: Q}}\n")
    assert read_task_yaml(tickets).classes == ("B", "D", "Q")
    tickets.write_text(f"{LEFT_OUT}classes: [question, defect, billing]\n")
    assert read_task_yaml(tickets).classes == ("question", "defect", "billing")


def test_what_cannot_be_inferred(tickets: Path) -> None:
    (tickets.parent / "t.csv").write_text(
        "text,label\n" + "".join(f"r {n},{n} x\n" for n in range(90))
    )
    tickets.write_text(f"{LEFT_OUT}metric: accuracy\n")
    with pytest.raises(UserError, match="classes: missing, and 90 targets in 90 rows are too many"):
        read_task_yaml(tickets)
    tickets.write_text(f"{LEFT_OUT}metrik: accuracy\n")
    with pytest.raises(UserError, match="metrik: unknown field"):
        read_task_yaml(tickets)
    tickets.write_text(f"{LEFT_OUT}inferred: [it]\n")
    with pytest.raises(UserError, match="inferred: unknown field"):
        read_task_yaml(tickets)
    for wrong in (
        "metric: [accuracy]",
        "classes: 5",
        "classes: billing",
        "class_of: 5",
        "metric: acuracy",
    ):
        tickets.write_text(f"{LEFT_OUT}{wrong}\n")
        with pytest.raises(UserError, match=f"mine.yaml: {wrong.split(':')[0]}: "):
            read_task_yaml(tickets)
    tickets.write_text(LEFT_OUT.replace("t.csv", "gone.csv"))
    with pytest.raises(UserError, match="leaves out prefix, metric, source_length, target_length, classes, and rows to"):  # fmt: skip
        read_task_yaml(tickets)
    tickets.write_text("name: mine\ntest: e.csv\n")
    with pytest.raises(UserError, match=r"mine.yaml: train: missing"):
        read_task_yaml(tickets)


def test_a_sweep_that_is_kept_names_it_whole(
    tickets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its file reads the same after more rows came."""
    kept = tickets.parent / "kept.yaml"
    flags = ["--n", "4", "--u", "4", "--budgets", "5", "--dry-run"]
    assert main(["sweep", "--task", str(tickets), *flags, "--save", str(kept)]) == 0
    told = capsys.readouterr().out
    assert "leaves out metric, which is inferred" in told
    before, whole = read_task_yaml(tickets), kept.with_name("kept.mine.yaml")
    assert str(whole) in kept.read_text()
    with (tickets.parent / "t.csv").open("a") as train:
        train.write("".join(f"more {n},billing\n" for n in range(99)))
    assert read_task_yaml(tickets).metric == "macro_f1"
    again = read_task_yaml(whole)
    assert again == before.model_copy(update={"inferred": ()})
    assert main(["sweep", "--task", str(tickets), *flags, "--save", str(kept)]) == 2
    assert "kept.mine.yaml: is there already, and says something else" in capsys.readouterr().err
