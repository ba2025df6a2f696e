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


def read(folder: Path, rows: list[Values], *, entities: bool = False, name: str = "") -> TaskRows:
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
    return read_rows(spec(train=file.name, **task), folder)


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
    with pytest.raises(UserError, match="one of them is the label"):
        read(tmp_path, [{"text": TEXT, "kind": "defect", "more": "x", **beside}], name=name)


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
    spans = [{"start": 0, "end": 3, "label": "PER"}]
    new = {"id": "1", "fields": {"text": TEXT}, "responses": {"entities": [response(spans)]}}
    assert read(tmp_path, [new], entities=True).train[0].target == "Ada [PER]"
    twice = {"id": "1", "fields": {"text": TEXT}, "responses": {"a": [response("defect")], "b": [response("defect")]}}  # fmt: skip
    with pytest.raises(UserError, match="responses to 'a', 'b'; export one question"):
        read(tmp_path, [twice])
