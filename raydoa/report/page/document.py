"""The page as one document: template, style, library, scripts and data in a single file.

Nothing that comes from results is markup. Most of it is data in a JSON island, in which ``<`` is written as an
escape, so no text can end the island; the scripts put it on the page as text. The rest is escaped here. A
content security policy that names the scripts by their hashes forbids everything else: other scripts, and any request.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from string import Template

import pandas as pd

from raydoa.report.beside import Beside
from raydoa.report.best_within_budget import budgets_of
from raydoa.report.examples.gather import gather
from raydoa.report.looks import curves_of
from raydoa.report.page.data import page_data
from raydoa.report.page.looks import curve_style
from raydoa.report.page.vendored import vendored
from raydoa.report.seeds import LEVEL
from raydoa.report.sentence import sentences
from raydoa.store.local_storage import LocalStorage

_HERE = resources.files("raydoa.report.page")
_SCRIPTS = (
    "decode", "wording", "money", "reprice", "plans", "break_even", "answer", "dom", "csv", "chart", "charts",
    "tables", "ledger", "sliders", "filters", "winners", "data_check", "examples", "main",
)  # fmt: skip
"""The modules of `script/`, each after those that it imports."""

_IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:const|function|class) (\w+))", re.MULTILINE)


def write_page(
    cells: pd.DataFrame,
    path: Path,
    budgets: Sequence[float] = (),
    gaps: Sequence[str] = (),
    beside: Beside | None = None,
    *,
    texts: bool = True,
) -> Path:
    """Write the `page` of cells, with the folder that it lies in, and return its path."""
    LocalStorage(path.parent).write(
        path.name, page(cells, budgets, gaps, beside, texts=texts).encode()
    )
    return path


def page(
    cells: pd.DataFrame,
    budgets: Sequence[float] = (),
    gaps: Sequence[str] = (),
    beside: Beside | None = None,
    *,
    texts: bool = True,
) -> str:
    """The page as HTML.

    Args:
        cells: rows of `raydoa.report.results.load`, repriced or not.
        budgets: dollars that are offered to look at; those of the cells unless given.
        gaps: what its reader must know before all else, as `raydoa.report.results.Loaded.gaps` tells.
        beside: what the result dirs hold beside the cells.
        texts: whether what rows say may be in it.

    Raises:
        UserError: a number is infinite.
    """
    budgets = sorted(set(budgets or budgets_of(cells)))
    beside = beside or Beside()
    looks = (beside if texts else beside.without_texts()).looks
    rows = {
        "looks": [look.model_dump() for look in looks],
        "examples": gather(cells, budgets, beside.stores, texts=texts),
    }
    style = _text("page.css")
    style = vendored("uPlot.min.css") + style + curve_style(curves_of(cells).values(), style)
    library, program = vendored("uPlot.iife.min.js"), joined_scripts()
    # What is said first, before a slider is moved: of the first task and N, at the middle one of the budgets.
    sentence = sentences(cells, [budgets[len(budgets) // 2]])[0].text
    return Template(_text("page.html")).substitute(
        policy=(
            f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(library)} {_hash(program)}; "
            "base-uri 'none'; form-action 'none'"
        ),
        sentence=html.escape(sentence),
        style=style,
        level=f"{LEVEL:g}",
        licence=vendored("uPlot.LICENSE").strip(),
        library=library,
        data=island({**page_data(cells, budgets, gaps), **rows}),
        program=program,
    )


def island(data: object) -> str:
    """JSON that can stand in a script element, whatever text is in it."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def joined_scripts(names: Sequence[str] = _SCRIPTS) -> str:
    """The modules of `script/` as one, which imports nothing: each in a function that returns what it exports."""
    return "\n".join(["const modules = {};", *(_as_function(name) for name in names)])


def _as_function(name: str) -> str:
    source = _text(f"script/{name}.js")
    exported = ", ".join(_EXPORT.findall(source))
    body = _EXPORT.sub("", _IMPORT.sub(r"const \1 = modules.\2;", source))
    return f"modules.{name} = (() => {{\n{body}return {{ {exported} }};\n}})();"


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _hash(inline: str) -> str:
    """The source expression of an inline element in a content security policy."""
    digest = hashlib.sha256(inline.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
