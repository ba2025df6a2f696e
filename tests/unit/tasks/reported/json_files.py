"""JSON, and what is nearly JSON."""

import json

from tests.unit.tasks.reported.case import LINES, OBJECTS, ROWS, Read, Refused, Reported

_GITHUB = "https://github.com"
_PANDAS = 'pandas: orient="records"'
_OTHER = "not an object a line, and read as JSON of another form"
_BY_COLUMN = {"source": {"0": "a", "1": "b"}, "target": {"0": "billing", "1": "defect"}}
_BY_ID = {f"id{n}": row for n, row in enumerate(OBJECTS)}
_SQUAD = {"version": "2.0", "data": [{"title": "Refunds", "paragraphs": []}]}

JSON_FILES = [
    Reported(
        "objects over several lines, one after another, as `jq` writes them", f"{_GITHUB}/konklone/json/pull/67", "t.json",
        "\n".join(json.dumps(row, indent=2) for row in OBJECTS), Read(says=("objects one after another",)),
    ),
    Reported(
        "the same, called `.jsonl`", f"{_GITHUB}/engineio/math-sdk/issues/99", "t.jsonl",
        "\n".join(json.dumps(row, indent=2) for row in OBJECTS), Read(says=(_OTHER, "objects one after another")),
    ),
    Reported(
        "an array, called `.jsonl`", f"{_GITHUB}/nuprl/MultiPL-E/pull/81", "t.jsonl", json.dumps(OBJECTS, indent=1),
        Read(says=(_OTHER,)),
    ),
    Reported(
        "an object a line, called `.json`", f"{_GITHUB}/lil-lab/nlvr/issues/1", "t.json", LINES, Read(says=("an object a line",)),
    ),
    Reported(
        "two objects on a line", f"{_GITHUB}/lmorg/murex/issues/141", "t.jsonl", LINES.replace("}\n{", "}{", 1),
        Refused(":1", ("another value follows the first, at column", "each line is one object")),
    ),
    Reported(
        "commas between the lines", f"{_GITHUB}/webrecorder/browsertrix-crawler/issues/327", "t.jsonl", LINES.replace("}\n", "},\n"),
        Refused(":1", ("a comma or more follows the first value", "each line is one object")),
    ),
    Reported(
        "a comma before the closing brace", "https://devbento.dev/tools/json/validate/syntax", "t.jsonl",
        LINES + '{"source": "a", "target": "defect",}\n', Refused(":4", ("a comma before the closing bracket", "leave it out")),
    ),
    Reported(
        "Python's `str(row)` in place of JSON", f"{_GITHUB}/ryancollingwood/diablo_4_armory_fetcher/issues/1", "t.jsonl",
        "".join(f"{row}\n" for row in OBJECTS), Refused(":1", ("JSON has double quotes", "write rows with json.dumps")),
    ),
    Reported(
        "comments", f"{_GITHUB}/mattrobenolt/jinja2-cli/issues/71", "t.json",
        '[\n  {"source": "a", "target": "defect"},  // a comment\n  {"source": "b", "target": "billing"}\n]\n',
        Refused(":2", ("JSON has no comments", "leave them out")),
    ),
    Reported(
        "a last line that was cut off", f"{_GITHUB}/Tracer-Cloud/opensre/issues/6356", "t.jsonl", LINES + '{"source": "and th',
        Refused(":4", ("it ends before its object does", "was the file cut off")),
    ),
    Reported(
        "empty lines, and none at the end", f"{_GITHUB}/Modalities/modalities/issues/395", "t.jsonl", "\n" + LINES.replace("\n", "\n\n").strip(),
    ),
    Reported(
        "a line that is no object", f"{_GITHUB}/wandb/rai-toolkit/issues/82", "t.jsonl", LINES + "[]\n",
        Refused(":4", ("found list", "each line is one object")),
    ),
    Reported(
        "pandas' `to_json()` as it is: columns of rows by number", f"{_GITHUB}/pandas-dev/pandas/issues/22271", "t.json",
        json.dumps(_BY_COLUMN), Refused("", ("one object with 'source', 'target'", _PANDAS)),
    ),
    Reported(
        "rows by their ids", f"{_GITHUB}/huggingface/datasets/issues/651", "t.json", json.dumps(_BY_ID),
        Refused("", ("one object with 'id0', 'id1', 'id2'", "rows are an array of objects", _PANDAS)),
    ),
    Reported(
        "rows under a key of one object", f"{_GITHUB}/huggingface/datasets/pull/372", "t.json", json.dumps({"version": 1, "data": OBJECTS}),
    ),
    Reported(
        "SQuAD's paragraphs within articles", f"{_GITHUB}/primeqa/primeqa/issues/110", "t.json", json.dumps(_SQUAD),
        Refused(": item 1", ("no 'source'; found 'title', 'paragraphs'", "name other columns under `columns`")),
    ),
    Reported(
        "`NaN` where a label is missing", f"{_GITHUB}/ICRAR/ijson/issues/139", "t.jsonl",
        LINES + '{"source": "nobody has read this", "target": NaN}\n',
        Read((*ROWS, ("nobody has read this", None)), ("1 rows without a label join the pool",)),
    ),
    Reported(
        "`Infinity` for a label", f"{_GITHUB}/jeroen/jsonlite/issues/281", "t.jsonl", LINES + '{"source": "a", "target": Infinity}\n',
        Refused(":4: target", ("found 'inf'; classes of tickets are billing, defect, question",)),
    ),
]  # fmt: skip
