"""The arithmetic and the writing of the page, module by module, against Python's own."""

import json
import random
from dataclasses import asdict
from typing import Any

import pytest
from playwright.sync_api import Browser

from raydoa.costs.tariffs import Tariff
from raydoa.report.page.document import joined_scripts
from raydoa.report.wording import FORMATS, NumberFormat, fill


def _called(chrome: Browser, names: tuple[str, ...], call: str, arguments: list[Any]) -> list[Any]:
    """What a function of the page's modules returns for each of the arguments."""
    page = chrome.new_page()
    page.goto("about:blank")
    formats = {name: asdict(number_format) for name, number_format in FORMATS.items()}
    learnt = f"modules.wording?.learn({{ formats: {json.dumps(formats)}, words: {{}} }});"
    run = f"(text) => {{ {joined_scripts(names)}\n{learnt}\nreturn JSON.parse(text).map((a) => {call}); }}"
    found: list[Any] = page.evaluate(run, json.dumps(arguments))
    page.close()
    return found


def test_micro_dollars_are_those_of_the_ledger(chrome: Browser) -> None:
    chance = random.Random(0)
    prices = [0.26, 0.129, 1e-7, 3.3e-5, 2.74470525, 0.1 + 0.2, 1 / 3, 123.456]
    prices += [
        float(f"{10 ** chance.uniform(-9, 3):.{chance.randint(1, 17)}g}") for _ in range(300)
    ]
    pairs = [[q, p] for p in prices for q in (0, 1, 3, 1153, 10**6, chance.randrange(10**7))]
    found = _called(chrome, ("money",), "modules.money.microUsd(...a)", pairs)
    assert found == [Tariff("labels", "label", None, p).micro_usd(q) for q, p in pairs]


VALUES = [
    0.125,
    0.375,
    2.5,
    3.5,
    1.005,
    1234567.5,
    1_245_000.0,
    12_350.0,
    100.5,
    99.995,
    0.005,
    0.015,
    1e-9,
    0.3,
    1.0,
    0.0,
]
VALUES += [10 ** random.Random(1).uniform(-6, 6) for _ in range(500)]


@pytest.mark.parametrize("name", FORMATS)
def test_numbers_are_written_as_python_writes_them(chrome: Browser, name: str) -> None:
    written = _called(chrome, ("wording",), f"modules.wording.write(a, '{name}')", VALUES)
    assert written == [FORMATS[name](value) for value in VALUES]


def test_digits_are_those_of_python(chrome: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    for digits in (0, 1, 2, 4, 6):
        monkeypatch.setitem(FORMATS, "fixed", NumberFormat(((0, (digits,)),)))
        found = _called(chrome, ("wording",), "modules.wording.write(a, 'fixed')", VALUES)
        assert found == [f"{value:,.{digits}f}" for value in VALUES]


def test_slots_are_filled_as_in_python(chrome: Browser) -> None:
    template = "{order}: {scored} for {cost:dollars} of {budget:price}; {n:count}, {order}"
    values = {
        "order": "buy {n} ${x}",
        "scored": "$& 61.3",
        "cost": 0.4079,
        "budget": 5.0,
        "n": 1234,
    }
    found = _called(chrome, ("wording",), "modules.wording.fill(...a)", [[template, values]])
    assert found == [fill(template, values)]
    assert _called(chrome, ("wording",), "modules.wording.fill(...a)", [["{a} {b}", {"a": 1}]]) == [
        None
    ]
