"""The arithmetic and the writing of the page, module by module, against Python's own."""

import json
import random
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser
from scipy import stats

from raydoa.costs.tariffs import Tariff
from raydoa.report.page.document import joined_scripts
from raydoa.report.sentence import dollars


def _called(chrome: Browser, names: tuple[str, ...], call: str, arguments: list[Any]) -> list[Any]:
    """What a function of the page's modules returns for each of the arguments."""
    page = chrome.new_page()
    page.goto("about:blank")
    run = f"(text) => {{ {joined_scripts(names)}\nreturn JSON.parse(text).map((a) => {call}); }}"
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
    found = _called(chrome, ("numbers", "money"), "modules.money.microUsd(...a)", pairs)
    assert found == [Tariff("labels", "label", None, p).micro_usd(q) for q, p in pairs]


def test_students_t(chrome: Browser) -> None:
    pairs = [[t, n] for n in (1, 2, 3, 4, 5, 9, 30, 31) for t in np.linspace(-40, 40, 41).tolist()]
    found = _called(chrome, ("seeds",), "modules.seeds.studentCdf(...a)", pairs)
    assert found == pytest.approx([float(stats.t.cdf(*pair)) for pair in pairs], abs=1e-14)


def test_numbers_are_written_as_python_writes_them(chrome: Browser) -> None:
    chance = random.Random(1)
    values = [0.125, 0.375, 2.5, 3.5, 1.005, 1234567.5, 100.5, 99.995, 0.005, 0.015, 1e-9, 0.3, 1.0]
    values += [10 ** chance.uniform(-6, 6) for _ in range(500)]
    pairs = [[value, digits] for value in values for digits in (0, 1, 2, 4, 6)]
    found = _called(chrome, ("numbers",), "modules.numbers.fixed(...a)", pairs)
    assert found == [f"{value:,.{digits}f}" for value, digits in pairs]
    short = _called(chrome, ("numbers",), "modules.numbers.shortNumber(a)", values)
    assert short == [f"{value:g}" for value in values]
    amounts = _called(chrome, ("numbers",), "modules.numbers.dollars(a)", values)
    assert amounts == [dollars(value) for value in values]
