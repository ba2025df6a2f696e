"""Awkward inputs of the kinds that public reports have, each with what is right; skipped where they are not at hand."""

from pathlib import Path

import pytest

from raydoa.cli import main

CASES = Path(__file__).parents[4] / "shared" / "cases"
SAID = {
    "02-csv-utf16-excel": (0, "read as UTF-16"),
    "04-csv-semicolon": (0, "its separator is a semicolon"),
    "06-csv-header-space": (0, "blanks around the names of columns"),
    "09-csv-backslash-quote": (0, "its quotes and separators within texts are behind backslashes"),
    "10-csv-trailing-comma": (0, "260 lines end with a separator more"),
    "12-csv-empty-label": (0, "1 rows without a label join the pool"),
    "16-tsv": (0, "260 labelled rows, 40 test rows"),
    "20-jsonl-gz": (0, "260 labelled rows, 40 test rows"),
    "21-json-array": (0, "260 labelled rows, 40 test rows"),
    "26-int-labels-quoted-classes": (0, "train: 0 87, 1 87, 2 86"),
    "28-label-space-case": (0, "260 targets differ from their class by case or blanks"),
    "30-dup-train-test": (0, "40 rows are left out: their sources are 40 of the test rows'"),
    "31-dup-in-train": (0, "rows repeat the source of an earlier one"),
    "32-conflicting-labels": (0, "sources of train have several targets, such as 'same text'"),
    "34-all-empty-targets": (1, "every target of train is empty"),
    "38-one-class": (1, "all 260 rows of train are 'billing'"),
    "41-test-one-row": (1, "differences of less than 100 points"),
    "48-pool-csv-empty-target": (0, "300 pool rows"),
    "50-pool-contains-test": (0, "240 rows are left out: their sources are 40 of the test rows'"),
    "52-pool-one-blank-row": (0, "1 rows without text are left out"),
    "60-labelstudio-json": (0, "an export of Label Studio JSON"),
    "64-doccano-cls": (0, "an export of doccano"),
    "65-doccano-ner": (0, "an export of doccano"),
    "66-prodigy-cls": (0, "an export of Prodigy"),
    "67-prodigy-reject": (1, "87 rows are left out: answer 'reject'"),
    "71-long-class-names": (1, "words and target_length is 4 tokens"),
    "81-yaml-classes-string": (2, "classes: found 'billing, defect, question'; expected a list, such as [one, two]"),
    "95-yaml-dup-key": (2, "'train' stands twice; keep one"),
}  # fmt: skip


@pytest.mark.parametrize("case", SAID)
def test_a_case(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    if not CASES.is_dir():
        pytest.skip(f"{CASES} is not there")
    code, said = SAID[case]
    assert main(["check", str(CASES / case / "task.yaml")]) == code
    printed = capsys.readouterr()
    assert said in printed.out + printed.err
