"""LLMs of tests: served on loopback by `tests.llm.server`, in a sweep of `tests.unit.world`."""

import json
import re
from typing import Any

from raydoa.account.account import Account
from raydoa.experiment.resolve import Resolved
from raydoa.llm.tokens import TokenRates
from tests.llm.server import Endpoint
from tests.unit.world import CLASSES, World

ROW = re.compile(r"<(row[^>]*)>\s*(.*?)\s*</\1>", re.DOTALL)
PRICE = {"input_usd": 0.15, "cached_input_usd": 0.075, "output_usd": 0.6, "source": "a test", "date": "2026-11-30"}  # fmt: skip
RATES = TokenRates(150_000, 75_000, 600_000)
CENT = 10_000


def right(row: str) -> str:
    return CLASSES["acid" in row or "base" in row]


def says(content: str) -> str:
    """What the rows' own rule says of the row in a prompt, as JSON."""
    return json.dumps({"label": right(ROW.findall(content)[-1][1])})


def llm_yaml(world: World, endpoint: Endpoint, **fields: Any) -> str:
    path = world.folder / "llm.yaml"
    spec = {"name": "tester", "model": "m", "base_url": endpoint.base_url, "price": PRICE, **fields}
    path.write_text(json.dumps(spec), encoding="utf-8")
    return str(path)


def resolved(world: World, llm: str, **changes: Any) -> Resolved:
    asked = {
        "strategies": ("llm_annotate",), "budgets": (4.0,), "n": (16,), "u": (40,), "llms": (llm,), "pilot_rows": 0,
    }  # fmt: skip
    there = world.resolved(world.sweep(**{**asked, **changes}))
    Account(there.context.store, "default").first_limit(100 * CENT)
    return there
