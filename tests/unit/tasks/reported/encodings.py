"""Encodings: bytes and signs that are no text, or text of another time."""

from tests.unit.tasks.reported.case import LINES, ROWS, Read, Refused, Reported, table

_GITHUB = "https://github.com"
_SMART = "source,target\n" + "".join(f"It\u2019s \u201cbroken\u201d again \u2013 the {word} doesn\u2019t load,defect\n" for word in ("page", "app", "map"))  # fmt: skip
_SMART_ROWS = tuple((f"It\u2019s \u201cbroken\u201d again \u2013 the {word} doesn\u2019t load", "defect") for word in ("page", "app", "map"))  # fmt: skip

ENCODINGS = [
    Reported(
        "Windows' curly quotes (cp1252) in a table", f"{_GITHUB}/declare-lab/MELD/pull/28", "t.csv", _SMART.encode("cp1252"),
        Read(_SMART_ROWS, ("read as cp1252, which is a guess: line 2 is not UTF-8",)),
    ),
    Reported(
        "an older encoding in JSON", f"{_GITHUB}/doccano/doccano/issues/1904", "t.jsonl",
        LINES.encode() + b'{"source": "It\x92s broken", "target": "defect"}\n', Refused(":4", ("not UTF-8", "save it as UTF-8")),
    ),
    Reported(
        "lines of Latin-1 in a file of UTF-8", f"{_GITHUB}/w3c/csvw/issues/699", "t.csv",
        "source,target\nK\u00e4se,defect\n".encode() + b"K\xe4se,defect\n" * 9, Refused(":3", ("not UTF-8", "save it as UTF-8")),
    ),
    Reported(
        "UTF-16 without its mark", f"{_GITHUB}/genspark-ai/genoffice/pull/438", "t.csv", table().encode("utf-16-le"),
        Read(says=("read as UTF-16-LE, as its first bytes say",)),
    ),
    Reported(
        "JSON that PowerShell's `>` wrote, in UTF-16", f"{_GITHUB}/anchore/grype/issues/3505", "t.jsonl", LINES.encode("utf-16"),
        Read(says=("read as UTF-16, as its first bytes say",)),
    ),
    Reported(
        "JSON with a byte order mark", f"{_GITHUB}/eprbell/rp2/issues/33", "t.jsonl", "\ufeff" + LINES,
    ),
    Reported(
        "files with byte order marks that were joined", f"{_GITHUB}/rrthomas/recode/issues/55", "t.csv",
        "\ufeff" + table() + "\ufeffIs it fixed?,question\n",
        Read((*ROWS, ("Is it fixed?", "question")), ("1 lines begin with a byte order mark, as joined files do, which is left out",)),
    ),
    Reported(
        "NUL characters in texts", f"{_GITHUB}/turicas/rows/issues/273", "t.csv", table().replace("refund", "ref\0und"),
        Read(says=("1 lines have NUL characters, which are left out",)),
    ),
    Reported(
        "a blank that does not break in the header", f"{_GITHUB}/Ensembl/ensembl-webcode/pull/520", "t.csv",
        table(header="source\u00a0,\u00a0target"), Read(says=("blanks around the names of columns are left out",)),
    ),
    Reported(
        "characters of no width in the header", f"{_GITHUB}/gocarina/gocsv/issues/242", "t.csv",
        table(header="\u200bsource,target\u200d"), Read(says=("blanks around the names of columns are left out",)),
    ),
    Reported(
        "U+2028 and U+0085 within JSON's texts", f"{_GITHUB}/huggingface/tau/pull/354", "t.jsonl",
        '{"source": "one\u2028two\u0085three", "target": "defect"}\n', Read((("one\u2028two\u0085three", "defect"),)),
    ),
    Reported(
        "half a character (a lone surrogate)", f"{_GITHUB}/ThomasKliszowski/json_reindent/issues/12", "t.jsonl",
        LINES + '{"source": "sad \\ud83d", "target": "defect"}\n', Refused(":4", ("half a character", "remove it")),
    ),
]  # fmt: skip
