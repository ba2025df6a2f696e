"""Files as people bring them: each is read and what was done is said, or refused in a line that says what to do."""

import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import datasets
import openpyxl
import pytest

from raydoa.errors import UserError
from raydoa.tasks.data import TaskRows
from raydoa.tasks.own_task import read_task_yaml
from raydoa.tasks.reading.rows import read_rows
from raydoa.tasks.task import TaskSpec

CLASSES = ("billing", "defect", "question")
ROWS = [
    {"source": f"{word} about order {n}", "target": CLASSES[n % 3]}
    for n, word in enumerate(("refund", "crash", "how", "charge, twice", "bug", "when"))
]
PAIRS = [(row["source"], row["target"]) for row in ROWS]
Write = Callable[[str, "str | bytes"], TaskRows]


def spec(**changes: object) -> TaskSpec:
    values = {
        "name": "tickets", "prefix": "", "metric": "accuracy", "classes": CLASSES, "source_length": 16, "target_length": 4,
        "train": "train.jsonl", "test": "test.jsonl", "test_rows_elsewhere": "kept",
    }  # fmt: skip
    return TaskSpec.model_validate({**values, **changes})


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., TaskRows]:
    """Write the file of ``train`` and read the task."""

    def write(name: str, content: str | bytes, **changes: object) -> TaskRows:
        (tmp_path / "test.jsonl").write_text(jsonl(ROWS))
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return read_rows(spec(**{"train": name, **changes}), tmp_path)

    return write


def jsonl(rows: list[dict[str, str]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def table(separator: str = ",", header: str = "source{}target", end: str = "\n") -> str:
    quoted = [
        separator.join(f'"{cell}"' if "," in cell else cell for cell in pair) for pair in PAIRS
    ]
    return end.join([header.format(separator), *quoted, ""])


def pairs(rows: TaskRows) -> list[tuple[str, str | None]]:
    return [(row.source, row.target) for row in rows.labelled]


UTF16 = table("\t", end="\r\n").replace('"', "").encode("utf-16")


@pytest.mark.parametrize(
    ("name", "content", "notes"),
    [
        ("t.csv", UTF16, ["separator is a tab", "UTF-16"]),
        ("t.csv", table(";"), ["separator is a semicolon"]),
        ("t.csv", table("|"), ["separator is a bar"]),
        ("T.CSV", table(), []),
        ("t.tsv", table("\t"), []),
        ("t.tsv.gz", gzip.compress(table("\t").encode(), mtime=0), []),
        ("t.jsonl.gz", gzip.compress(jsonl(ROWS).encode(), mtime=0), []),
        ("t.JSONL.xz", lzma.compress(jsonl(ROWS).encode()), []),
        ("t.ndjson", jsonl(ROWS), []),
        ("t.json", jsonl(ROWS), ["an object a line"]),
        ("t.json", json.dumps(ROWS, indent=1), []),
        ("t.json", json.dumps({"version": 1, "data": ROWS}), []),
        ("t.csv", table(header="source{} target "), ["blanks around the names of columns"]),
        ("t.csv", table().replace("\n", ",\n").replace("target,", "target", 1), ["6 lines end with a separator more"]),
        ("t.csv", "\ufeff" + table(end="\r\n"), []),
    ],
)  # fmt: skip
def test_files_as_they_are(
    read: Callable[..., TaskRows], name: str, content: str | bytes, notes: list[str]
) -> None:
    rows = read(name, content)
    assert pairs(rows) == PAIRS
    assert len(rows.notes) == len(notes), rows.notes
    assert all(note in line for note, line in zip(notes, rows.notes, strict=True))


@pytest.mark.parametrize(
    ("encoding", "texts"),
    [
        ("cp1252", ["Käse für Müller", "déjà vu à l'hôtel", "größere Straße, süß"]),
        ("cp1252", ["Le délai est dépassé, où est mon colis ?", "Problème réglé à l'hôtel"]),
        ("cp1250", ["Zażółć gęślą jaźń, proszę o zwrot pieniędzy", "Příliš žluťoučký kůň úpěl"]),
        ("cp1251", ["Где мой заказ? Верните деньги", "Приложение не работает"]),
        ("cp932", ["注文が届きません。返金してください"]),
    ],
)
def test_an_encoding_is_found_and_said(
    read: Callable[..., TaskRows], encoding: str, texts: list[str]
) -> None:
    content = "source;target\n" + "".join(f"{text} {n};defect\n" for n in range(9) for text in texts)  # fmt: skip
    rows = read("t.csv", content.encode(encoding))
    assert [row.source for row in rows.train[: len(texts)]] == [f"{text} 0" for text in texts]
    (guess,) = [line for line in rows.notes if "guess" in line]
    assert f"read as {encoding}" in guess and "line 2 is not UTF-8" in guess and texts[0] in guess


def test_two_encodings_in_a_file_are_none(read: Callable[..., TaskRows]) -> None:
    with pytest.raises(UserError, match=r"t\.csv:3: not UTF-8"):
        read("t.csv", "source,target\nKäse,defect\n".encode() + b"K\xe4se,defect\n" * 9)


def test_quotes_behind_backslashes(read: Callable[..., TaskRows]) -> None:
    content = "source,target\n" + "".join(f'"say \\"{n}\\", now",defect\n' for n in range(3))
    rows = read("t.csv", content)
    assert pairs(rows)[0] == ('say "0", now', "defect")
    assert "behind backslashes" in rows.notes[0]


def test_a_late_accent_is_found(read: Callable[..., TaskRows]) -> None:
    """More than is looked at comes before it."""
    plain = "".join(f"a plain row of words number {n};defect\n" for n in range(12_000))
    rows = read("t.csv", f"source;target\n{plain}".encode() + "déjà vu à l'hôtel;billing\n".encode("cp1252"))  # fmt: skip
    assert rows.train[-1].source == "déjà vu à l'hôtel" and len(rows.train) == 12_001


def test_quotes_between_tabs_swallow_no_row(read: Callable[..., TaskRows]) -> None:
    rows = read("t.tsv", 'source\ttarget\n"Great film\tbilling\nbad\tdefect\nworst ever"\tdefect\n')
    assert len(rows.train) == 3 and "letters" in rows.notes[0]
    rows = read("t.csv", 'source,target\n"one\ntwo",defect\nthree,billing\n')
    assert len(rows.train) == 2 and "1 records go over several lines" in rows.notes[0]


def test_lines_of_separators_alone_are_no_rows(read: Callable[..., TaskRows]) -> None:
    assert pairs(read("t.csv", "\n" + table() + ",\n" * 50)) == PAIRS


@pytest.mark.parametrize("text", ["null", "5", '"rows"'])
def test_json_that_is_no_rows(read: Callable[..., TaskRows], text: str) -> None:
    with pytest.raises(UserError, match=r"t\.json: found \w+; rows are an array"):
        read("t.json", text)


def test_two_columns_that_may_be_the_text(read: Callable[..., TaskRows]) -> None:
    with pytest.raises(UserError, match="found both 'source' and 'text'; say under `columns`"):
        read("t.csv", "text,label,source\ngood film,defect,twitter\n")
    columns = {"source": "text", "target": "label"}
    content = "text,label,source\ngood film,defect,twitter\n"
    rows = read("t.csv", content, columns=columns, test="t.csv")
    assert pairs(rows) == [("good film", "defect")]


def test_quotes_that_are_letters(read: Callable[..., TaskRows]) -> None:
    rows = read("t.tsv", 'source\ttarget\n"yes" he said\tdefect\n12" pipe\tbilling\n')
    assert pairs(rows) == [('"yes" he said', "defect"), ('12" pipe', "billing")]
    assert "letters" in rows.notes[0]


def test_a_field_longer_than_csv_takes_by_itself(read: Callable[..., TaskRows]) -> None:
    rows = read("t.csv", f"source,target\n{'x ' * 100_000},defect\n")
    assert len(rows.train[0].source) == 200_000


def test_a_workbook(tmp_path: Path, read: Callable[..., TaskRows]) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for cells in [("source ", "target"), *PAIRS, (None, None)]:
        sheet.append(cells)
    book.create_sheet("more")
    book.save(tmp_path / "b.xlsx")
    rows = read("b.xlsx", (tmp_path / "b.xlsx").read_bytes())
    assert pairs(rows) == PAIRS and "first sheet" in rows.notes[0]
    with pytest.raises(UserError, match=r"c\.xlsx: not a workbook"):
        read("c.xlsx", b"no book")


def test_lines_of_text_are_a_pool(tmp_path: Path, read: Callable[..., TaskRows]) -> None:
    (tmp_path / "pool.txt").write_text("one\n\ntwo\n")
    rows = read("t.csv", table(), pool="pool.txt")
    assert [row.source for row in rows.pool] == ["one", "two"]
    assert "1 rows without text are left out" in rows.notes[0]
    with pytest.raises(UserError, match=r"t\.txt:1: lines of text have no labels"):
        read("t.txt", "one\n")


def test_a_saved_dataset(tmp_path: Path, read: Callable[..., TaskRows]) -> None:
    names = datasets.ClassLabel(names=list(CLASSES))
    features = datasets.Features({"source": datasets.Value("string"), "target": names})
    columns = {"source": [s for s, _ in PAIRS], "target": [CLASSES.index(t) for _, t in PAIRS]}
    made = datasets.Dataset.from_dict(columns, features=features)
    made.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"train": made, "test": made}).save_to_disk(tmp_path / "both")
    assert pairs(read("x", "", train="one")) == PAIRS
    assert pairs(read("x", "", train="both/train")) == PAIRS
    with pytest.raises(UserError, match=r"several splits; name one: .*both/train, .*both/test"):
        read("x", "", train="both")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty: a folder, and none that datasets has saved"):
        read("x", "", train="empty")


def test_a_dataset_beside_the_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "train.jsonl").write_text(jsonl(ROWS))
    values = json.loads(spec(train="hf:rows:train", test="hf:./rows:train").model_dump_json())
    (tmp_path / "task.yaml").write_text(json.dumps(values))
    assert pairs(read_rows(read_task_yaml(tmp_path / "task.yaml"), None)) == PAIRS


def test_usual_names_of_columns(read: Callable[..., TaskRows]) -> None:
    rows = read("t.csv", table(header="text{}label"))
    assert pairs(rows) == PAIRS
    assert "column 'text' is taken for 'source'" in rows.notes[0]
    assert "column 'label' is taken for 'target'" in rows.notes[1]
    rows = read(
        "t.jsonl",
        '{"text": "nobody has read this"}\n{"text": "a", "label": "defect"}\n',
        test="t.jsonl",
    )
    assert pairs(rows) == [("a", "defect")] and len(rows.unlabelled) == 1
    with pytest.raises(UserError, match="no 'source'; found 'text', 'sentence', 'target'"):
        read("t.csv", "text,sentence,target\na,b,defect\n")


def test_rows_without_a_label_are_pool(read: Callable[..., TaskRows]) -> None:
    rows = read("t.csv", table() + "nobody has read this,\nnor this, \n")
    assert pairs(rows) == PAIRS
    assert [(row.source, row.target) for row in rows.unlabelled] == [("nobody has read this", None), ("nor this", None)]  # fmt: skip
    assert rows.notes == ("t.csv: 2 rows without a label join the pool",)
    rows = read("t.jsonl", jsonl(ROWS) + '{"source": "no label at all"}\n{"source": "x", "target": null}\n')  # fmt: skip
    assert len(rows.unlabelled) == 2
    with pytest.raises(UserError, match=r"t\.csv:2: target: found None; .*no other row has a label either"):  # fmt: skip
        read("t.csv", "source,target\na,\nb,\n")


def test_test_rows_without_a_label_are_left_out(tmp_path: Path, read: Callable[..., TaskRows]) -> None:  # fmt: skip
    (tmp_path / "some.csv").write_text(table() + "nobody knows,\n")
    rows = read("t.csv", table(), test="some.csv")
    assert len(rows.test) == 6 and rows.notes == ("some.csv: 1 rows without a label are left out",)


def test_targets_of_a_pool_that_are_no_labels(tmp_path: Path, read: Callable[..., TaskRows]) -> None:  # fmt: skip
    (tmp_path / "pool.csv").write_text("source,target\na,\nb,todo\nc,defect\n")
    rows = read("t.csv", table(), pool="pool.csv")
    assert [row.target for row in rows.pool] == [None, None, "defect"]
    assert rows.notes == ("pool.csv: 1 targets of the pool are no labels, and not looked at",)


def test_many_rows_without_text_are_a_mistake(read: Callable[..., TaskRows]) -> None:
    blank = "".join(f" ,{CLASSES[n % 3]}\n" for n in range(11))
    with pytest.raises(UserError, match=r"t\.csv:8: source: found ' '; .* \(11 of 17 rows are so\)"):  # fmt: skip
        read("t.csv", table() + blank)
    rows = read("t.csv", table() + " ,defect\n")
    assert pairs(rows) == PAIRS and "1 rows without text are left out" in rows.notes[0]


def test_labels_by_their_number_or_another_word(read: Callable[..., TaskRows]) -> None:
    numbers = [{"source": s, "target": n % 3} for n, (s, _) in enumerate(PAIRS)]
    text = "".join(json.dumps(row) + "\n" for row in numbers)
    class_of = {0: "billing", 1: "defect", 2: "question"}
    assert pairs(read("t.jsonl", text, class_of=class_of)) == PAIRS
    with pytest.raises(UserError, match=r"t\.jsonl:1: target: found '0'; classes of tickets"):
        read("t.jsonl", text)
    assert [t for _, t in pairs(read("t.jsonl", text, classes=("0", "1", "2"), test="t.jsonl"))] == ["0", "1", "2"] * 2  # fmt: skip
    with pytest.raises(Exception, match=r"class_of: 0: found 'bill'; .*did you mean 'billing'"):
        spec(class_of={0: "bill"})
    with pytest.raises(Exception, match="class_of: what stands for classes must differ"):
        spec(class_of={"A": "billing", "a": "defect"})
    with pytest.raises(Exception, match="class_of: metric entity_f1 has no classes"):
        spec(metric="entity_f1", class_of={"A": "billing"})


def test_labels_in_another_case(read: Callable[..., TaskRows]) -> None:
    rows = read("t.csv", table().replace(",defect", ", DEFECT").replace(",billing", ",Billing "))
    assert pairs(rows) == PAIRS
    assert rows.notes == ("t.csv: 4 targets differ from their class by case or blanks and are read as it, such as 'Billing ' as 'billing'",)  # fmt: skip


def test_several_labels_to_a_row(read: Callable[..., TaskRows]) -> None:
    with pytest.raises(UserError, match=r"t\.jsonl:1: found the labels defect, billing; a row has one: keep one, or"):  # fmt: skip
        read("t.jsonl", '{"source": "a", "target": ["defect", "billing"]}\n')
    assert read("t.jsonl", '{"source": "a", "target": ["defect"]}\n').train[0].target == "defect"


def test_rows_that_are_test_rows_are_left_out(read: Callable[..., TaskRows]) -> None:
    more = [{"source": "new", "target": "billing"}, {"source": "newer", "target": None}]
    same = [{**ROWS[0], "source": ROWS[0]["source"].upper() + " "}, *ROWS[1:3]]
    text = "".join(json.dumps(row) + "\n" for row in [*same, *more])
    kept = read("t.jsonl", text)
    assert len(kept.labelled) == 4 and len(kept.unlabelled) == 1
    rows = read("t.jsonl", text, test_rows_elsewhere="left_out")
    assert pairs(rows) == [("new", "billing")] and [row.source for row in rows.unlabelled] == ["newer"]  # fmt: skip
    assert rows.train[0].id == "train-3", "rows keep their names"
    assert rows.notes[0] == (
        "t.jsonl: 3 rows are left out: their sources are 3 of the test rows' (--allow test-in-train keeps them)"
    )
    with pytest.raises(UserError, match="train: each source of t.jsonl is also one of test.jsonl, .*--allow test-in-train"):  # fmt: skip
        read("t.jsonl", jsonl(ROWS), test_rows_elsewhere="left_out")


def test_a_pool_of_test_rows_is_none(read: Callable[..., TaskRows]) -> None:
    train = jsonl([{"source": f"new {n}", "target": "billing"} for n in range(3)])
    (read("p.jsonl", train))
    rows = read("t.jsonl", train, pool="p.jsonl", test="p.jsonl", test_rows_elsewhere="kept")
    assert len(rows.pool) == 3
    rows = read("t.jsonl", train.replace("new", "old"), pool="p.jsonl", test="p.jsonl", test_rows_elsewhere="left_out")  # fmt: skip
    assert rows.pool == () and rows.notes[0].endswith("and then the pool is the rest of train")


@pytest.mark.parametrize(("at", "until"), [(11, 31), (71, 81)])
def test_quotes_between_tabs_lose_no_rows(
    read: Callable[..., TaskRows], at: int, until: int
) -> None:
    """They are letters, where the first records show that; further down, they are refused."""
    lines = ["source\ttarget", *(f"row {n}\tbilling" for n in range(100))]
    lines[at], lines[until] = '"Hello there\tbilling', 'he said bye"\tbilling'
    text = "\n".join([*lines, ""])
    if at < 50:
        rows = read("t.tsv", text)
        assert len(rows.labelled) == 100 and "its quotes are letters" in rows.notes[0]
    else:
        with pytest.raises(UserError, match=r"t\.tsv:72: found a quote that opens a field and closes lines below"):  # fmt: skip
            read("t.tsv", text)


def test_backslashes_that_escape_nothing_stay(read: Callable[..., TaskRows]) -> None:
    text = 'source,target\n"say \\"hi\\", C:\\new",billing\ntwo\\nlines,\\N\na\\\\b,defect\n'
    rows = read("t.csv", text)
    assert [(row.source, row.target) for row in rows.train] == [
        ('say "hi", C:\\new', "billing"), ("two\\nlines", None), ("a\\b", "defect"),
    ]  # fmt: skip
    assert "and \\N is nothing" in rows.notes[0]


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        ('#source,target\n"Hello, world",billing\n', 0),
        ("#exported 2024, by me\nsource,target\nHello world,billing\n", 1),
        (' "source", target\n "Hello, world", billing\n', 2),
    ],
)
def test_headers_behind_a_sign_or_a_blank(
    read: Callable[..., TaskRows], text: str, notes: int
) -> None:
    columns = {"source": "#source"} if text.startswith("#source") else {}
    rows = read("t.csv", text, columns=columns, test="t.csv")
    assert [row.source.replace(",", "") for row in rows.labelled] == ["Hello world"]
    assert len({note.split(": ")[1] for note in rows.notes}) <= notes + 1


def test_a_path_with_braces(read: Callable[..., TaskRows]) -> None:
    rows = read("t{}.jsonl", jsonl([*ROWS, {"source": " ", "target": "billing"}]))
    assert rows.notes == ("t{}.jsonl: 1 rows without text are left out",)


def test_a_number_that_is_too_long(read: Callable[..., TaskRows]) -> None:
    long = f'{{"source": "a", "target": {"9" * 5000}}}\n'
    with pytest.raises(UserError, match=r"t\.jsonl:1: found a number that is too long"):
        read("t.jsonl", long)
    with pytest.raises(UserError, match=r"t\.json.* found a number that is too long"):
        read("t.json", f"[{long}]")
