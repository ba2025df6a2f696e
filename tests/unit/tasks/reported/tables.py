"""Tables of text: separators, quotes, headers and lines as programs write them."""

from tests.unit.tasks.reported.case import ROWS, Read, Refused, Reported, table

_GITHUB = "https://github.com"
_WIDE = ",".join(f"c{n}" for n in range(3000))
_SCORES = "source;target;score\nWhere is my refund?;billing;0,5\nThe app crashes, twice;defect;0,25\nHow do I log in?;question;1,0\n"

TABLES = [
    Reported(
        "a blank before the quotes of a field", f"{_GITHUB}/python/cpython/issues/154744", "t.csv",
        'source, target\n"Where is my refund?", "billing"\n"The app crashes, twice", "defect"\n"How do I log in?", "question"\n',
        Read(says=("blanks before a field, as before its quotes, are left out",)),
    ),
    Reported(
        "the same where the quotes hold a comma", f"{_GITHUB}/AUTOMATIC1111/stable-diffusion-webui/pull/15832", "t.csv",
        'target,source\nbilling, Where is my refund?\ndefect, "The app crashes, twice"\nquestion, How do I log in?\n',
        Read(says=("blanks before a field, as before its quotes, are left out",)),
    ),
    Reported(
        "Excel's `sep=;` as first line", f"{_GITHUB}/mechatroner/vscode_rainbow_csv/issues/108", "t.csv",
        "sep=;\n" + table(";"), Read(says=("its separator is a semicolon",)),
    ),
    Reported(
        "`sep=~`: a separator that only this line tells", f"{_GITHUB}/alexcaza/export-to-csv/issues/43", "t.csv",
        "sep=~\r\n" + table("~", end="\r\n"), Read(says=("its separator is '~'",)),
    ),
    Reported(
        "numbers with a decimal comma beside semicolons", f"{_GITHUB}/SheetJS/sheetjs/issues/2239", "t.csv",
        _SCORES, Read(says=("its separator is a semicolon",)),
    ),
    Reported(
        "pandas' index as a column without a name", f"{_GITHUB}/cpadavis/billy/issues/18", "t.csv",
        ",source,target\n0,Where is my refund?,billing\n1,\"The app crashes, twice\",defect\n2,How do I log in?,question\n",
    ),
    Reported(
        "two columns of one name", f"{_GITHUB}/pandas-dev/pandas/issues/19383", "t.csv",
        "source,target,source\na,billing,b\n", Refused(":1", ("two columns are called 'source'", "give one another name")),
    ),
    Reported(
        "no header", f"{_GITHUB}/langchain-ai/langchain/issues/6460", "t.csv",
        "Where is my refund?,billing\nHow do I log in?,question\n",
        Refused(":2", ("no 'source'; found 'Where is my refund?', 'billing'", "the first row of a table is the names of its columns")),
    ),
    Reported(
        "a title and a period above the header", f"{_GITHUB}/adaltas/node-csv-parse/issues/81", "t.csv",
        "Per Transaction Report\nReporting Period: 2014\n" + table(),
        Refused(":3", ("found 2 fields, the header has 1", "is the first line not the names of columns?")),
    ),
    Reported(
        "comments above the header", f"{_GITHUB}/cosmocode/csv/issues/29", "t.csv",
        "# What people wrote.\n# Texts may have commas, and are\n# then in quotes\n" + table(),
        Read(says=("3 lines before the header begin with # and are left out",)),
    ),
    Reported(
        "a header that begins with `#`", f"{_GITHUB}/matplotlib/matplotlib/pull/1699", "t.csv",
        "#id," + table(header="source,target").replace("\n", "\n1,").removesuffix("1,"),
    ),
    Reported(
        "a comma in a text without quotes", f"{_GITHUB}/appvision-ai/fast-bert/issues/96", "t.csv",
        "source,target\nWhere?,billing\nThe app crashes, twice,defect\n",
        Refused(":3", ("found 3 fields, the header has 2", "put texts that hold commas in double quotes")),
    ),
    Reported(
        "commas behind backslashes", f"{_GITHUB}/ludwig-ai/ludwig/issues/201", "t.csv",
        "source,target\nWhere is my refund?,billing\nThe app crashes\\, twice,defect\nHow do I log in?,question\n",
        Read(says=("separators within texts are behind backslashes",)),
    ),
    Reported(
        "a row that lacks its last field", f"{_GITHUB}/mholt/PapaParse/issues/1053", "t.csv",
        table() + "nobody has read this\n", Refused(":5", ("found 1 fields, the header has 2", "is a field missing")),
    ),
    Reported(
        "a quote that is never closed", f"{_GITHUB}/pandas-dev/pandas/pull/22814", "t.csv",
        table() + '"and then,defect\nmore,billing\n',
        Refused(":5", ("a quote is opened in this record and never closed", "write each quote of it twice")),
    ),
    Reported(
        "quotes that hold the first words of a text", f"{_GITHUB}/pandas-dev/pandas/issues/43798", "t.csv",
        'source,target\n"Refund" is what I want,billing\n',
        Refused(":2", ("a quote stands within a text that is in quotes", "write each quote of it twice")),
    ),
    Reported(
        "a quote within a text without quotes", f"{_GITHUB}/tarql/tarql/issues/50", "t.csv",
        'source,target\nToys "R Us,billing\n12" pipe,defect\n', Read((('Toys "R Us', "billing"), ('12" pipe', "defect"))),
    ),
    Reported(
        "an end of line within quotes", f"{_GITHUB}/Data-Liberation-Front/csvlint.rb/issues/198", "t.csv",
        'source,target\r\n"Where is\nmy refund?",billing\r\n',
        Read((("Where is\nmy refund?", "billing"),), ("1 records go over several lines, as their quotes say",)),
    ),
    Reported(
        "columns without a name behind the last, of a spreadsheet", f"{_GITHUB}/qiita-spots/qiita/issues/3076", "t.csv",
        table().replace("\n", ",,,\n"),
    ),
    Reported(
        "files that were joined with their headers", f"{_GITHUB}/huggingface/datasets/issues/485", "t.csv",
        table() + table(header="source,target").splitlines()[0] + "\nIs it fixed?,question\n",
        Read((*ROWS, ("Is it fixed?", "question")), ("1 lines repeat the names of columns, and are left out",)),
    ),
    Reported(
        "every other line empty, as Python writes on Windows", f"{_GITHUB}/ossf/cve-bin-tool/issues/4557", "t.csv",
        table(end="\r\r\n"),
    ),
    Reported(
        "`\\r\\n` and `\\n` in one file", f"{_GITHUB}/mholt/PapaParse/pull/1123", "t.csv",
        table().replace("billing\n", "billing\r\n"),
    ),
    Reported(
        "lines that end with `\\r` alone, of Excel on a Mac", f"{_GITHUB}/votingworks/arlo/pull/883", "t.csv", table(end="\r"),
    ),
    Reported(
        "a field beyond csv's limit of 131,072 characters", f"{_GITHUB}/simonw/datasette-lite/issues/84", "t.csv",
        f"source,target\n{'x' * 200_000},defect\n", Read((("x" * 200_000, "defect"),)),
    ),
    Reported(
        "thousands of columns", f"{_GITHUB}/vincentlaucsb/csv-parser/issues/61", "t.csv",
        f"{_WIDE},source,target\n" + "".join(f'{"," * 3000}"{s}",{t}\n' for s, t in ROWS),
    ),
    Reported(
        "names of columns in capitals", f"{_GITHUB}/duckdb/duckdb/issues/673", "t.csv", table(header="Text,LABEL"),
        Read(says=("column 'Text' is taken for 'source'", "column 'LABEL' is taken for 'target'")),
    ),
    Reported(
        "an ending in capitals", f"{_GITHUB}/h2oai/h2o-llmstudio/issues/928", "My rows (1).CSV", table(),
    ),
]  # fmt: skip
