"""What a row costs an LLM: a ceiling whichever rows are taken, and a mean."""

import datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raydoa.costs.ledger import Ledger, LineItem
from raydoa.costs.llm_prices import Priced
from raydoa.costs.llm_rows import Answering, likely_answer, row_cost
from raydoa.costs.tariffs import MICRO
from raydoa.errors import UserError
from raydoa.llm.counting import BytesCounter
from raydoa.llm.spec import HostedPrice
from raydoa.llm.tokens import TokenRates, Usage

RATES = TokenRates(150_000, 75_000, 600_000)
DAY = datetime.date(2026, 11, 30)


def prompt(text: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": "Label the text."}, {"role": "user", "content": text}]


def priced(rates: TokenRates, hosted: HostedPrice | None = None) -> Priced:
    return Priced(rates, None, "llm file", "a quote", DAY, hosted)


@given(
    texts=st.lists(st.text(max_size=60), min_size=1, max_size=30),
    most=st.integers(1, 500),
    votes=st.integers(1, 5),
    rates=st.tuples(*[st.integers(0, 10**8)] * 3),
    data=st.data(),
)
def test_rows_never_cost_more_than_the_tariff_says(
    texts: list[str], most: int, votes: int, rates: tuple[int, int, int], data: st.DataObject
) -> None:
    of, counter = TokenRates(rates[0], min(rates[:2]), rates[2]), BytesCounter()
    cost = row_cost(map(prompt, texts), counter, Answering(most, most / 2, votes), of)
    tariff = cost.tariff("llm_labels", priced(of))
    rows = data.draw(st.lists(st.sampled_from(texts), max_size=20))
    reserved = billed = 0
    for text in rows:
        for _ in range(votes):
            bound = counter.most(prompt(text))
            reserved += of.micro_usd(Usage(bound, 0, most))
            read, cached = data.draw(
                st.tuples(st.integers(0, bound // 2), st.integers(0, bound // 2))
            )
            billed += of.micro_usd(Usage(read, cached, data.draw(st.integers(0, most))))
    assert billed <= reserved <= tariff.micro_usd(len(rows))
    assert tariff.micro_usd(1) == cost.highest_micro_usd == round(tariff.unit_price_usd * MICRO)


@given(texts=st.lists(st.text(max_size=60), min_size=1, max_size=30))
def test_what_is_likely_is_a_mean_below_what_is_highest(texts: list[str]) -> None:
    cost = row_cost(map(prompt, texts), BytesCounter(), Answering(20, 4.0), RATES)
    each = [row_cost([prompt(text)], BytesCounter(), Answering(20, 4.0), RATES) for text in texts]
    assert cost.rows == len(texts)
    assert cost.highest_micro_usd == max(one.highest_micro_usd for one in each)
    assert cost.likely_usd == pytest.approx(sum(one.likely_usd for one in each) / len(texts))
    assert cost.likely_usd * MICRO <= cost.highest_micro_usd
    assert cost.likely_input <= cost.highest.input
    expected = Fraction(cost.likely_input) * RATES.input + 4 * RATES.output
    assert cost.likely_usd == pytest.approx(float(expected / 10**12))


def test_the_order_of_rows_changes_nothing() -> None:
    texts = ["one", "a much longer row than the others", "three"]
    costs = {
        row_cost(map(prompt, order), BytesCounter(), Answering(9, 9.0), RATES).highest_micro_usd
        for order in (texts, texts[::-1])
    }
    assert len(costs) == 1


def test_the_longest_rows_beside_a_sample_move_the_highest_and_not_the_mean() -> None:
    sample, long = [prompt("ab"), prompt("abcd")], [prompt("x" * 900)]
    alone, both = (
        row_cost(sample, BytesCounter(), Answering(9, 9.0), RATES, dearest=dearest)
        for dearest in ([], long)
    )
    assert (both.likely_input, both.likely_usd, both.rows) == (
        alone.likely_input,
        alone.likely_usd,
        2,
    )
    assert both.highest == row_cost(long, BytesCounter(), Answering(9, 9.0), RATES).highest


def test_a_schema_is_paid_for_as_well() -> None:
    without, with_it = (
        row_cost(
            [prompt("x")], BytesCounter(), Answering(9, 9.0), RATES, beside=beside
        ).highest.input
        for beside in ("", '{"type": "object"}')
    )
    assert with_it - without == 18


def test_an_empty_pool_is_no_row_at_no_price() -> None:
    with pytest.raises(UserError, match="no row to label"):
        row_cost([], BytesCounter(), Answering(9, 9.0), RATES)


def test_answers_are_as_long_as_those_at_hand_and_as_allowed() -> None:
    counter = BytesCounter()
    assert likely_answer(counter, ["YES", "NO"], 16) == pytest.approx(2.5 / 3.5 + 1)
    assert likely_answer(counter, ["a" * 1000], 16) == 16
    assert likely_answer(counter, [], 16) == 16


def test_a_ledger_takes_the_tariff_and_rows_keep_its_detail() -> None:
    cost = row_cost([prompt("x" * 700)], BytesCounter(), Answering(10, 2.0), RATES)
    tariff = cost.tariff("llm_labels", priced(RATES))
    ledger = Ledger((LineItem(tariff, 1000),))
    assert ledger.cost_micro_usd == 1000 * cost.highest_micro_usd
    assert ledger.gpu_seconds == 0
    kept = dict(tariff.detail)
    assert kept["counted"] == "bytes"
    assert kept["price_date"] == "2026-11-30"
    assert kept["highest_output_tokens"] == 10
    assert tariff.likely_price_usd is not None
    assert tariff.likely_price_usd < tariff.unit_price_usd
    assert hash(tariff)


def test_ones_own_gpus_are_counted_in_seconds_too() -> None:
    hosted = HostedPrice(
        accelerator="h100-80gb",
        input_tokens_per_second=1000,
        output_tokens_per_second=10,
        source="a run",
        date=DAY,
    )
    cost = row_cost([prompt("x")], BytesCounter(), Answering(10, 2.0), RATES)
    tariff = cost.tariff("llm_labels", priced(RATES, hosted))
    assert tariff.unit_gpu_seconds == pytest.approx(cost.highest.input / 1000 + 1)
