"""Exports of annotation tools as reports show them; those that servers made for us are in `exported`."""

import json

from tests.unit.tasks.reported.case import Read, Refused, Reported

_GITHUB = "https://github.com"
_SPANS = {"metric": "entity_f1", "classes": ["PER", "LOC"], "test": "empty.jsonl"}
_TEXT = "Ada met Bob in Rome"
_MIN = {
    "text": _TEXT,
    "id": 1,
    "annotator": 1,
    "annotation_id": 1,
    "created_at": "",
    "updated_at": "",
    "lead_time": 1.5,
}
_LABEL = [{"start": 0, "end": 3, "text": "Ada", "labels": ["PER"]}]
_RELATION = {"from_id": "a", "to_id": "b", "type": "relation", "direction": "right"}
_ANNOTATION = {
    "id": 1,
    "was_cancelled": False,
    "result": [{"type": "labels", "value": _LABEL[0]}, _RELATION],
}
_PRODIGY = {
    "search_term": "authorized stock repurchase",
    "accept": ["billing"],
    "answer": "accept",
    "text": "Where is my refund?",
}


def _lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


TOOLS = [
    Reported(
        "doccano's labels as numbers", f"{_GITHUB}/doccano/doccano/issues/1291", "t.jsonl",
        _lines({"id": 1, "text": _TEXT, "annotations": [{"id": 1, "label": 2, "start_offset": 0, "end_offset": 3, "user": 1}]}),
        Refused(":1", ("found 'annotations'", 'export "JSONL (text label)"')), _SPANS,
    ),
    Reported(
        "doccano's spans that go beyond the text", f"{_GITHUB}/doccano/doccano/issues/1688", "t.jsonl",
        _lines({"id": 1, "text": _TEXT, "label": [[15, 40, "LOC"]]}),
        Refused(":1", ("found a span from 15 to 40; the text has 19 characters",)), _SPANS,
    ),
    Reported(
        "Label Studio's relations beside spans", f"{_GITHUB}/HumanSignal/label-studio/issues/1803", "t.json",
        json.dumps([{"id": 1, "data": {"text": _TEXT}, "annotations": [_ANNOTATION]}]),
        Read(((_TEXT, "Ada [PER]"),), ("an export of Label Studio JSON",)), _SPANS,
    ),
    Reported(
        "Label Studio's spans that are not where their text is", f"{_GITHUB}/HumanSignal/label-studio/issues/2007", "t.json",
        json.dumps([{**_MIN, "label": [{**_LABEL[0], "start": 8, "end": 11}]}]),
        Refused(": item 1", ("found a span from 8 to 11 with the text 'Ada'; the row has 'Bob' there",)), _SPANS,
    ),
    Reported(
        "Label Studio's JSON within a CSV", f"{_GITHUB}/HumanSignal/label-studio-converter/issues/59", "t.csv",
        'text,id,label,annotator,annotation_id,created_at,updated_at,lead_time\n'
        f'{_TEXT},1,"' + json.dumps(_LABEL).replace('"', '""') + '",1,1,,,1.5\n',
        Read(((_TEXT, "Ada [PER]"),), ("an export of Label Studio JSON-MIN or CSV",)), _SPANS,
    ),
    Reported(
        "a CSV of Label Studio 1.7.0, without quotes around commas", f"{_GITHUB}/HumanSignal/label-studio/issues/4033", "t.csv",
        "text,id,kind,annotator,annotation_id,created_at,updated_at,lead_time\nThe app crashes, twice,1,defect,1,1,,,1.5\n",
        Refused(":2", ("found 9 fields, the header has 8", "put texts that hold commas in double quotes")),
    ),
    Reported(
        "a text that Label Studio's annotator left without a span", f"{_GITHUB}/HumanSignal/label-studio/issues/9774", "t.json",
        json.dumps([{"id": 1, "data": {"text": _TEXT}, "annotations": [{**_ANNOTATION, "result": []}]},
                    {"id": 2, "data": {"text": "still to do"}, "annotations": []}]),
        Read(((_TEXT, ""), ("still to do", None)), ("an export of Label Studio JSON", "1 rows without a label join the pool")), _SPANS,
    ),
    Reported(
        "Prodigy's choices", "https://support.prodi.gy/t/for-textcat-what-form-does-the-jsonl-need-to-be-so-i-can-import-it-properly/2523",
        "t.jsonl", _lines(_PRODIGY), Read((("Where is my refund?", "billing"),), ("an export of Prodigy",)),
    ),
    Reported(
        "Prodigy's sessions that saw the same text",
        "https://support.prodi.gy/t/help-i-have-duplicates-or-missing-data-best-practices-on-accounting-for-annotations/6704", "t.jsonl",
        _lines(*({**_PRODIGY, "_input_hash": 7, "_session_id": f"s{n}"} for n in range(2))),
        Read((("Where is my refund?", "billing"),), ("an export of Prodigy",)),
    ),
]  # fmt: skip
