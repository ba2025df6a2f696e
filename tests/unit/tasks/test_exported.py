"""Exports that annotation servers have written, read exactly; `exported/README.md` says how they were made."""

import json
import shutil
from pathlib import Path

import pytest

from raydoa.errors import UserError
from raydoa.tasks.data import TaskRows
from raydoa.tasks.reading.rows import read_rows
from tests.unit.tasks.test_cases import ROWS, jsonl, spec

EXPORTED = Path(__file__).with_name("exported")
ASKED = ("Where is my refund?", "billing")
CRASHES, NOBODY, SKIPPED = "The app crashes, twice a day", "Nobody has looked at this", "This one was skipped"  # fmt: skip
LOG_IN = ("How do I log in?", "question")
SORRY = ('It says "sorry"\nand then nothing', "defect")
CHARGED = ("Charged twice 😡 again", "billing")
ADA = ("Ada met Bob in Rome", "Ada [PER] Bob [PER] Rome [LOC]")
NO_NAMES, SMILE = ("No names here", ""), ("😀 in Rome", "Rome [LOC]")
DIVIDED = [ASKED, LOG_IN, SORRY, CHARGED]
NOT_SAID = "doccano does not say whether somebody has looked"
DRAFTS = "do not say which responses are drafts or discarded"


def read(
    folder: Path, name: str, *, entities: bool = False, part: str = "train", **task: object
) -> TaskRows:
    file = shutil.copy(EXPORTED / name, folder)
    (folder / "test.jsonl").write_text(jsonl(ROWS) if not entities else json.dumps({"source": "a", "target": ""}))  # fmt: skip
    if entities:
        task |= {"metric": "entity_f1", "classes": ("PER", "LOC")}
    return read_rows(spec(**{"train": "test.jsonl", part: Path(file).name, **task}), folder)


@pytest.mark.parametrize(
    ("name", "labelled", "unlabelled", "note"),
    [
        ("label-studio/choices.json", DIVIDED, [CRASHES, NOBODY, SKIPPED], "alpha = 0.40 on the 2 rows"),
        ("label-studio/choices.min.json", DIVIDED, [CRASHES, NOBODY], "1 rows on which annotators are divided"),
        ("label-studio/choices.csv", DIVIDED, [CRASHES, NOBODY], "1 rows on which annotators are divided"),
        ("label-studio/spans.json", [ADA, NO_NAMES, SMILE], [NOBODY], "1 rows without a label join the pool"),
        ("label-studio/spans.min.json", [ADA, NO_NAMES, SMILE], [NOBODY], "1 rows without a label join the pool"),
        ("label-studio/spans.csv", [ADA, NO_NAMES, SMILE], [NOBODY], "1 rows without a label join the pool"),
        ("doccano/choices.jsonl", [ASKED, (CRASHES, "defect"), LOG_IN, SORRY, CHARGED], [NOBODY], "an export of doccano"),
        ("doccano/choices.csv", [ASKED, (CRASHES, "defect"), LOG_IN, SORRY, CHARGED], [NOBODY], "'text' is taken for"),
        ("doccano/annotator.jsonl", [ASKED, (CRASHES, "question")], [LOG_IN[0], NOBODY, SORRY[0], CHARGED[0]], "4 rows without"),
        ("doccano/spans.jsonl", [ADA, NO_NAMES, SMILE, (NOBODY, "")], [], f"2 records have no entity marked, and are taken for texts without any; {NOT_SAID}"),
        ("argilla/choices.json", [ASKED, (SKIPPED, "billing"), SORRY], [CRASHES, LOG_IN[0], NOBODY], f"5 records {DRAFTS}"),
        ("argilla/flat.json", [ASKED, LOG_IN, SORRY], [CRASHES, NOBODY, SKIPPED], "an export of Argilla"),
        ("argilla/spans.json", [ADA, NO_NAMES, SMILE], [NOBODY], f"3 records {DRAFTS}"),
    ],
)  # fmt: skip
def test_an_export(
    tmp_path: Path, name: str, labelled: list[tuple[str, str]], unlabelled: list[str], note: str
) -> None:
    rows = read(tmp_path, name, entities="spans" in name)
    assert [(row.source, row.target) for row in rows.labelled] == labelled
    assert [row.source for row in rows.unlabelled] == unlabelled
    assert note in " ".join(rows.notes)
    assert (DRAFTS in " ".join(rows.notes)) == (DRAFTS in note)


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("label-studio/multi.json", ": item 1"),
        ("label-studio/multi.min.json", ": item 1"),
        ("label-studio/multi.csv", ":2"),
        ("doccano/multi.jsonl", ":1"),
        ("argilla/multi.json", ": item 1"),
    ],
)
def test_several_labels_are_refused_but_not_in_a_pool(tmp_path: Path, name: str, at: str) -> None:
    """A pool's labels are not looked at, so neither is how many a row has."""
    with pytest.raises(UserError, match=f"{at}: found the labels billing, question; a row has one: keep one"):  # fmt: skip
        read(tmp_path, name)
    rows = read(tmp_path, name, part="pool")
    assert rows.pool[0].source == ASKED[0] and rows.pool[0].target is None
    assert any("1 targets of the pool are no labels" in note for note in rows.notes)


def test_labels_that_doccano_joins_in_a_table(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"multi\.csv:2: target: found 'billing#question'; classes"):
        read(tmp_path, "doccano/multi.csv")


def test_spans_of_a_pool(tmp_path: Path) -> None:
    """What a pool's export leaves unsaid is of no account."""
    rows = read(tmp_path, "doccano/spans.jsonl", entities=True, part="pool")
    assert [row.source for row in rows.pool] == [ADA[0], NO_NAMES[0], SMILE[0], NOBODY]
    assert rows.notes == ("spans.jsonl: an export of doccano",)


def test_labels_as_numbers_of_an_older_doccano(tmp_path: Path) -> None:
    record = {"id": 1, "text": "a", "meta": {}, "annotations": [{"label": 2, "user": 1}]}
    (tmp_path / "old.jsonl").write_text(json.dumps(record) + "\n")
    (tmp_path / "test.jsonl").write_text(jsonl(ROWS))
    with pytest.raises(UserError, match=r"old\.jsonl:1: found 'annotations', where .*\(text label\)"):  # fmt: skip
        read_rows(spec(train="old.jsonl"), tmp_path)
