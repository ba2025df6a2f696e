"""What people report that their files are: each is read exactly, or refused in a line that says where, what and what to do.

`docs/awkward-rows.md` is written from these: ``python -m tests.unit.tasks.test_reported_cases`` writes it anew.
"""

import json
from pathlib import Path

import pytest

from raydoa.errors import UserError
from raydoa.tasks.own_task import read_task_yaml
from raydoa.tasks.reading.rows import read_rows
from tests.unit.tasks.reported.case import CLASSES, LINES, Read, Refused, Reported
from tests.unit.tasks.reported.encodings import ENCODINGS
from tests.unit.tasks.reported.files import FILES
from tests.unit.tasks.reported.json_files import JSON_FILES
from tests.unit.tasks.reported.labels import LABELS
from tests.unit.tasks.reported.tables import TABLES
from tests.unit.tasks.reported.tools import TOOLS
from tests.unit.tasks.reported.workbooks import WORKBOOKS

REPORTED = {
    "Tables": TABLES, "Encodings": ENCODINGS, "JSON": JSON_FILES, "Labels": LABELS, "Workbooks": WORKBOOKS,
    "Files and folders": FILES, "Exports of annotation tools": TOOLS,
}  # fmt: skip
CASES = [case for cases in REPORTED.values() for case in cases]
DOCUMENT = Path(__file__).parents[3] / "docs" / "awkward-rows.md"
TASK = {
    "name": "tickets", "prefix": "", "metric": "accuracy", "classes": CLASSES, "source_length": 16, "target_length": 4,
    "test": "test.jsonl", "test_rows_elsewhere": "kept",
}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.have for case in CASES])
def test_a_report(tmp_path: Path, case: Reported) -> None:
    (tmp_path / "test.jsonl").write_text(LINES)
    (tmp_path / "empty.jsonl").write_text('{"source": "nobody", "target": ""}\n')
    case.write(tmp_path)
    yaml = tmp_path / "task.yaml"
    yaml.write_text(json.dumps({**TASK, "train": case.file, **case.task}))
    if isinstance(case.right, Refused):
        with pytest.raises(UserError) as raised:
            read_rows(read_task_yaml(yaml), None)
        said = str(raised.value).replace(f"{tmp_path}/", "")
        named = case.file if case.right.file is None else case.right.file
        assert said.startswith(f"{named}{case.right.at}"), said
        assert all(phrase in said for phrase in case.right.says), said
        assert "\n" not in said
        return
    rows = read_rows(read_task_yaml(yaml), None)
    assert [(row.source, row.target) for row in (*rows.labelled, *rows.unlabelled)] == [*case.right.rows]  # fmt: skip
    assert len(rows.notes) == len(case.right.says), rows.notes
    for phrase in case.right.says:
        assert any(phrase in note for note in rows.notes), rows.notes


def test_there_are_many_and_each_from_a_report_of_its_own() -> None:
    assert len(CASES) >= 60
    assert len({case.url for case in CASES}) == len(CASES)


def document() -> str:
    """What `docs/awkward-rows.md` is."""
    lines = [
        "# Awkward rows",
        "",
        f"{len(CASES)} kinds of files that people report elsewhere to be trouble, and what raydoa makes of each. Nothing is guessed, mended "
        "or left out without a line that says so; what cannot be read is refused in a line that names the file, the line of it, and what to "
        "do. Each row is a test (`tests/unit/tasks/reported`), and this page is written from those.",
    ]
    for kind, cases in REPORTED.items():
        lines += ["", f"## {kind}", "", "| what people have | what raydoa does | report |", "|---|---|---|"]  # fmt: skip
        lines += [f"| {case.have} | {_does(case)} | [{_short(case.url)}]({case.url}) |" for case in cases]  # fmt: skip
    return "\n".join([*lines, ""])


def _does(case: Reported) -> str:
    said = "; ".join(phrase.replace("|", "\\|") for phrase in case.right.says)
    if isinstance(case.right, Read):
        return f"reads it, and says: *{said}*" if said else "reads it"
    return f"refuses it: *{said}*"


def _short(url: str) -> str:
    """``owner/repository#number`` of GitHub; the host of others."""
    parts = url.split("/")
    return f"{parts[3]}/{parts[4]}#{parts[6]}" if parts[2] == "github.com" else parts[2]


def test_the_document_is_in_step() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(), "write it anew: python -m tests.unit.tasks.test_reported_cases"  # fmt: skip


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
