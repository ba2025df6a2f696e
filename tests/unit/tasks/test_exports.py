"""Exports of annotation tools, as the tools write them."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from raydoa.errors import UserError
from raydoa.tasks.data import TaskRows
from raydoa.tasks.reading.rows import read_rows
from tests.unit.tasks.test_cases import CLASSES, ROWS, jsonl, spec

TEXT = "Ada met Bob in Rome"
PERSONS = "Ada [PER] Bob [PER] Rome [LOC]"
Values = dict[str, Any]


def read(
    folder: Path, rows: list[Values], *, entities: bool = False, name: str = "", **fields: Any
) -> TaskRows:
    """Read a train file of an export."""
    (folder / "test.jsonl").write_text(jsonl(ROWS) if not entities else json.dumps({"source": "a", "target": ""}))  # fmt: skip
    file = folder / (name or "train.json")
    if file.suffix == ".csv":
        out = io.StringIO()
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        file.write_text(out.getvalue())
    else:
        file.write_text(json.dumps(rows))
    task = {"metric": "entity_f1", "classes": ("PER", "LOC")} if entities else {}
    return read_rows(spec(train=file.name, **task, **fields), folder)


def choices(*names: str, cancelled: bool = False, by: int = 1) -> Values:
    results = [{"type": "choices", "from_name": "kind", "to_name": "text", "value": {"choices": [n]}} for n in names]  # fmt: skip
    return {"id": by, "completed_by": by, "was_cancelled": cancelled, "result": results}


def of_label_studio(*annotations: Values, text: str = TEXT) -> Values:
    return {"id": 1, "data": {"text": text}, "annotations": list(annotations), "predictions": []}


def test_label_studio_choices(tmp_path: Path) -> None:
    rows = read(tmp_path, [of_label_studio(choices("defect")), of_label_studio(text="nobody yet"),
                           of_label_studio(choices("defect", cancelled=True), choices("billing"), text="skipped once")])  # fmt: skip
    assert [(row.source, row.target) for row in rows.labelled] == [(TEXT, "defect"), ("skipped once", "billing")]  # fmt: skip
    assert [row.source for row in rows.unlabelled] == ["nobody yet"]
    assert rows.notes == ("train.json: an export of Label Studio JSON", "train.json: 1 rows without a label join the pool")  # fmt: skip


def test_several_annotators(tmp_path: Path) -> None:
    """By hand: of 11 labels 5, 4 and 2 are the same, and 4 of their pairs differ, so alpha is 1 - 10 * 4 / (121 - 45)."""
    divided = of_label_studio(choices("defect"), choices("billing", by=2), text="divided")
    most = of_label_studio(choices("defect"), choices("billing", by=2), choices("defect", by=3), text="most")  # fmt: skip
    agreed = [of_label_studio(choices(c), choices(c, by=2), text=c) for c in CLASSES]
    rows = read(tmp_path, [divided, most, *agreed])
    assert [(row.source, row.target) for row in rows.labelled] == [("most", "defect"), *((c, c) for c in CLASSES)]  # fmt: skip
    assert [row.source for row in rows.unlabelled] == ["divided"]
    text = " ".join(rows.notes)
    assert "1 rows on which annotators are divided have no label" in text
    assert "alpha = 0.47 on the 5 rows that several have labelled" in text


@pytest.mark.parametrize(("per", "usd"), [("annotation", 0.275), ("label", 0.1)])
def test_what_a_label_of_several_annotators_costs(tmp_path: Path, per: str, usd: float) -> None:
    """Eleven annotations have made four labels, those that nobody agreed with included."""
    divided = of_label_studio(choices("defect"), choices("billing", by=2), text="divided")
    most = of_label_studio(choices("defect"), choices("billing", by=2), choices("defect", by=3), text="most")  # fmt: skip
    agreed = [of_label_studio(choices(c), choices(c, by=2), text=c) for c in CLASSES]
    price = {"usd": 0.1, "per": per, "source": "a quote", "date": "2026-11-01"}
    rows = read(tmp_path, [divided, most, *agreed], label_price=price)
    assert rows.annotations == 11 / 4
    assert spec(label_price=price).label_price.of_label(rows.annotations) == usd
    said = "each at $0.1, so it costs $0.275" if per == "annotation" else "and $0.1 is the price of all of them"  # fmt: skip
    assert f"a label is made of 2.75 annotations in the mean, {said}" in rows.notes[-1]


def test_label_studio_spans(tmp_path: Path) -> None:
    results = [
        {"type": "labels", "value": {"start": s, "end": e, "text": TEXT[s:e], "labels": [kind]}}
        for s, e, kind in ((8, 11, "PER"), (0, 3, "PER"), (15, 19, "LOC"))
    ]
    annotation = {"was_cancelled": False, "result": results}
    nothing = {"was_cancelled": False, "result": []}
    rows = read(tmp_path, [of_label_studio(annotation), of_label_studio(nothing, text="no name")], entities=True)  # fmt: skip
    assert [row.target for row in rows.train] == [PERSONS, ""]


@pytest.mark.parametrize("name", ["train.json", "train.csv"])
def test_label_studio_min(tmp_path: Path, name: str) -> None:
    beside = {"annotation_id": 1, "annotator": 1, "created_at": "2026", "updated_at": "2026", "lead_time": 2.5, "id": 7}  # fmt: skip
    rows = read(tmp_path, [{"text": TEXT, "kind": "defect", **beside}], name=name)
    assert [(row.source, row.target) for row in rows.labelled] == [(TEXT, "defect")]
    spans: Any = [{"start": 0, "end": 3, "text": "Ada", "labels": ["PER"]}]
    spans = json.dumps(spans) if name.endswith("csv") else spans
    rows = read(tmp_path, [{"text": TEXT, "label": spans, **beside}], name=name, entities=True)
    assert rows.train[0].target == "Ada [PER]"
    with pytest.raises(UserError, match="say under `columns` which is the target"):
        read(tmp_path, [{"text": TEXT, "kind": "defect", "more": "x", **beside}], name=name)


def test_label_studio_min_with_several_annotators(tmp_path: Path) -> None:
    """A record each, which are one row."""
    beside = {"created_at": "2026", "updated_at": "2026", "lead_time": 2.5}
    said = [(7, "defect"), (7, "billing"), (7, "defect"), (8, "question"), (9, None)]
    rows = read(tmp_path, [{"text": f"text {id}", "kind": kind, "id": id, "annotation_id": n, "annotator": n, **beside}
                           for n, (id, kind) in enumerate(said)])  # fmt: skip
    assert [(row.source, row.target) for row in rows.train] == [("text 7", "defect"), ("text 8", "question"), ("text 9", None)]  # fmt: skip
    assert "on the 1 rows that several have labelled" in " ".join(rows.notes)


def test_spans_that_a_browser_counted(tmp_path: Path) -> None:
    """In UTF-16, where the text has characters beyond: the text that each span carries tells."""
    text = "\U0001f600 in Rome"
    value = {"start": 6, "end": 10, "text": "Rome", "labels": ["LOC"]}
    annotation = {"was_cancelled": False, "result": [{"type": "labels", "value": value}]}
    rows = read(tmp_path, [of_label_studio(annotation, text=text)], entities=True)
    assert rows.train[0].target == "Rome [LOC]"
    value["text"] = "Oslo"
    with pytest.raises(
        UserError, match="found a span from 6 to 10 with the text 'Oslo'; the row has 'ome'"
    ):
        read(tmp_path, [of_label_studio(annotation, text=text)], entities=True)


def test_texts_that_people_wrote(tmp_path: Path) -> None:
    written = [{"type": "textarea", "value": {"text": ["defect"]}}]
    rows = read(tmp_path, [of_label_studio({"was_cancelled": False, "result": written})])
    assert rows.train[0].target == "defect"


def test_data_that_says_where_a_text_is_from(tmp_path: Path) -> None:
    record = of_label_studio(choices("defect"))
    record["data"]["source"] = "twitter"
    assert read(tmp_path, [record]).train[0].source == TEXT


def test_columns_of_ones_own_beside_those_of_a_tool(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text(jsonl(ROWS))
    for row in ({"id": 1, "text": "a", "labels": ["defect"], "gold": "billing"}, {"text": "a", "label": "defect", "gold": "billing", "answer": "accept"}):  # fmt: skip
        (tmp_path / "t.json").write_text(json.dumps([row]))
        (tmp_path / "u.json").write_text(json.dumps([{"text": "b", "gold": "defect"}]))
        task = spec(train="t.json", test="u.json", columns={"source": "text", "target": "gold"})
        assert read_rows(task, tmp_path).train[0].target == "billing"


def test_a_document_without_entities(tmp_path: Path) -> None:
    rows = read(tmp_path, [{"id": 1, "text": TEXT, "label": [[0, 3, "PER"]]}, {"id": 2, "text": "none", "label": []}], entities=True)  # fmt: skip
    assert [row.target for row in rows.train] == ["Ada [PER]", ""]
    rows = read(tmp_path, [{"text": "none", "answer": "accept", "spans": []}], entities=True)
    assert rows.train[0].target == ""


def test_doccano(tmp_path: Path) -> None:
    rows = read(tmp_path, [{"id": 1, "text": TEXT, "label": ["defect"]}, {"id": 2, "text": "later", "label": []}])  # fmt: skip
    assert [row.target for row in rows.labelled] == ["defect"] and len(rows.unlabelled) == 1
    spans = [[0, 3, "PER"], [8, 11, "PER"], [15, 19, "LOC"]]
    offsets = [{"id": n, "label": k, "start_offset": s, "end_offset": e} for n, (s, e, k) in enumerate(spans)]  # fmt: skip
    both = [{"id": 1, "text": TEXT, "label": spans}, {"id": 2, "text": TEXT, "entities": offsets, "relations": []}]  # fmt: skip
    for one in both:
        assert read(tmp_path, [one], entities=True).train[0].target == PERSONS
    with pytest.raises(UserError, match="found the labels defect, billing; a row has one"):
        read(tmp_path, [{"id": 1, "text": TEXT, "label": ["defect", "billing"]}])
    with pytest.raises(UserError, match="found a span from 15 to 40; the text has 19"):
        read(tmp_path, [{"id": 1, "text": TEXT, "label": [[15, 40, "LOC"]]}], entities=True)


def test_prodigy(tmp_path: Path) -> None:
    rows = read(
        tmp_path,
        [
            {"text": "a", "accept": ["defect"], "answer": "accept", "options": []},
            {"text": "b", "label": "billing", "answer": "accept"},
            {"text": "c", "label": "billing", "answer": "reject"},
            {"text": "d", "label": "billing", "answer": "ignore"},
            {"text": "e", "label": "billing", "answer": "reject"},
        ],
    )
    assert [(row.source, row.target) for row in rows.labelled] == [
        ("a", "defect"),
        ("b", "billing"),
    ]
    assert rows.notes[1:] == ("train.json: 2 rows are left out: answer 'reject'", "train.json: 1 rows are left out: answer 'ignore'")  # fmt: skip
    both = [{"text": "f", "accept": [c], "answer": "accept", "_input_hash": 5, "_session_id": n} for n, c in enumerate(("defect", "defect", "billing"))]  # fmt: skip
    (one,) = read(tmp_path, both).train
    assert one.target == "defect", "sessions of one text are one row"
    spans = [{"start": s, "end": e, "label": k} for s, e, k in ((0, 3, "PER"), (8, 11, "PER"), (15, 19, "LOC"))]  # fmt: skip
    row = {"text": TEXT, "spans": spans, "tokens": [], "answer": "accept"}
    assert read(tmp_path, [row], entities=True).train[0].target == PERSONS


def test_argilla(tmp_path: Path) -> None:
    def response(value: Any, status: str = "submitted") -> Values:
        return {"value": value, "user_id": "u", "status": status}

    rows = read(
        tmp_path,
        [
            {"id": "1", "status": "completed", "fields": {"text": "a"}, "responses": {"kind": [response("defect"), response("billing", "draft")]}},
            {"id": "2", "status": "pending", "fields": {"text": "b"}, "responses": {}},
        ],
    )  # fmt: skip
    assert [(row.source, row.target) for row in rows.labelled] == [("a", "defect")]
    assert [row.source for row in rows.unlabelled] == ["b"]
    old = {"text": "c", "inputs": None, "prediction": [], "annotation": "question", "status": "Validated"}  # fmt: skip
    assert read(tmp_path, [old]).train[0].target == "question"
    gone = {**old, "status": "Discarded"}
    assert "status 'Discarded'" in " ".join(read(tmp_path, [old, gone]).notes)
    feedback = {"fields": {"text": "d"}, "responses": [{"user_id": "u", "status": "submitted", "values": {"kind": {"value": "defect"}}}]}  # fmt: skip
    assert read(tmp_path, [feedback]).train[0].target == "defect"
    named = {"fields": {"review": "e"}, "responses": {"kind": [response("defect"), response(None)]}}
    assert [(row.source, row.target) for row in read(tmp_path, [named]).train] == [("e", "defect")]
    spans = [{"start": 0, "end": 3, "label": "PER"}]
    new = {"id": "1", "fields": {"text": TEXT}, "responses": {"entities": [response(spans)]}}
    assert read(tmp_path, [new], entities=True).train[0].target == "Ada [PER]"
    twice = {"id": "1", "fields": {"text": TEXT}, "responses": {"a": [response("defect")], "b": [response("defect")]}}  # fmt: skip
    with pytest.raises(UserError, match="responses to 'a', 'b'; export one question"):
        read(tmp_path, [twice])
