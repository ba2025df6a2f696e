"""Labels as people and programs write them."""

import json

from tests.unit.tasks.reported.case import ROWS, Read, Refused, Reported, table

_GITHUB = "https://github.com"
_ACCENTS = ("r\u00e9clamation", "question")
_NUMBERED = {"classes": ["0", "1", "2"], "test": "t.csv"}


def _lines(*targets: object) -> str:
    return "".join(json.dumps({"source": s, "target": t}) + "\n" for (s, _), t in zip(ROWS, targets, strict=False))  # fmt: skip


def _pairs(*targets: str | None) -> tuple[tuple[str, str | None], ...]:
    return tuple((s, t) for (s, _), t in zip(ROWS, targets, strict=False))


LABELS = [
    Reported(
        "numbers that became `1.0` where a label was missing", f"{_GITHUB}/calpaterson/csvbase/issues/11", "t.csv",
        "source,target\na,0.0\nb,1.0\nc,\nd,2.0\n",
        Read((("a", "0"), ("b", "1"), ("d", "2"), ("c", None)), ("targets differ from their class by the .0 of a number", "1 rows without a label join the pool", "1 rows without a label are left out")),
        _NUMBERED,
    ),
    Reported(
        "labels that are true and false", f"{_GITHUB}/deepset-ai/FARM/issues/66", "t.jsonl", _lines(True, False),
        Read(_pairs("True", "False")), {"classes": ["False", "True"], "test": "t.jsonl"},
    ),
    Reported(
        "a class called None", f"{_GITHUB}/pandas-dev/pandas/issues/61788", "t.csv",
        "source,target\na,None\nb,NA\n", Read((("a", "None"), ("b", "NA"))), {"classes": ["None", "NA"], "test": "t.csv"},
    ),
    Reported(
        "`nan` where a label is missing", f"{_GITHUB}/pandas-dev/pandas/issues/50458", "t.csv", table() + "nobody has read this,nan\n",
        Refused(":5: target", ("found 'nan'", "where a row has no label, leave its target empty")),
    ),
    Reported(
        "a blank behind a label", f"{_GITHUB}/apple/turicreate/issues/1531", "t.csv", table().replace("billing", "billing "),
        Read(says=("1 targets differ from their class by case or blanks and are read as it, such as 'billing ' as 'billing'",)),
    ),
    Reported(
        "an accent in Unicode's other form (NFD)", f"{_GITHUB}/ArcReel/ArcReel/issues/1578", "t.csv",
        "source,target\nWhere is my refund?,re\u0301clamation\nHow do I log in?,question\n",
        Read((("Where is my refund?", _ACCENTS[0]), ("How do I log in?", "question")), ("targets differ from their class by case, blanks or the form of Unicode",)),
        {"classes": list(_ACCENTS), "test": "t.csv"},
    ),
    Reported(
        "a letter that only looks as the right one", f"{_GITHUB}/CatalogueOfLife/data/issues/409", "t.csv", table().replace("billing", "b\u0456lling"),
        Refused(":2: target", ("did you mean 'billing'?", "is CYRILLIC SMALL LETTER BYELORUSSIAN-UKRAINIAN I")),
    ),
    Reported(
        "a list as text", f"{_GITHUB}/huggingface/datasets/issues/2288", "t.csv", "source,target\na,\"['billing']\"\n",
        Refused(":2: target", ("found \"['billing']\"; classes of tickets are",)),
    ),
    Reported(
        "several labels joined by `#`", f"{_GITHUB}/doccano/doccano/issues/1821", "t.csv", "source,target\na,billing#defect\n",
        Refused(":2: target", ("found 'billing#defect'; classes of tickets are",)),
    ),
    Reported(
        "several labels in a list", f"{_GITHUB}/doccano/doccano/issues/2322", "t.jsonl", _lines(["billing", "defect"]),
        Refused(":1", ("found the labels billing, defect", "keep one, or make of each class a task of its own")),
    ),
    Reported(
        "a column a class", f"{_GITHUB}/amaiya/ktrain/issues/346", "t.csv", "text,billing,defect\na,1,0\nb,0,1\n",
        Refused(":2", ("no 'target'; found 'text', 'billing', 'defect'", "name other columns under `columns`")),
    ),
    Reported(
        "a label within an object", f"{_GITHUB}/capitalone/DataProfiler/issues/105", "t.jsonl", _lines({"value": "billing"}),
        Refused(":1: target", ("found {'value': 'billing'}; expected text",)),
    ),
    Reported(
        "-1 for hidden labels, in a file that does not say so", f"{_GITHUB}/JH-DSAI/text-detection-baselines/issues/34", "t.csv",
        "source,target\na,0\nb,-1\n", Refused(":3: target", ("found '-1'; classes of tickets are 0, 1, 2",)), _NUMBERED,
    ),
    Reported(
        "labels with leading zeros", f"{_GITHUB}/wireservice/csvkit/issues/977", "t.csv",
        "source,target\na,01\nb,02\n", Read((("a", "01"), ("b", "02"))), {"classes": ["01", "02"], "test": "t.csv"},
    ),
]  # fmt: skip
