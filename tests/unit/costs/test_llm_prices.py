"""Rates of an LLM's tokens: exact, in order of who says so, never guessed and never below what may be billed."""

import datetime
import socket
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from genai_prices import types as public
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import raydoa.llm
from raydoa.costs import public_prices
from raydoa.costs.book_files import open_book
from raydoa.costs.llm_prices import asked_at, rates_of
from raydoa.costs.prices import PriceBook
from raydoa.costs.tariffs import MICRO, Tariff, exact
from raydoa.errors import UserError
from raydoa.llm.spec import HostedPrice, LlmSpec, TokenPrice, read_llm_yaml
from raydoa.llm.tokens import PER, TokenRates, Usage, rate_of

READ = {"source": "a quote", "date": datetime.date(2026, 11, 30)}
OPENAI = "https://api.openai.com/v1"


def price(input_usd: float, output_usd: float, **more: Any) -> TokenPrice:
    return TokenPrice(input_usd=input_usd, output_usd=output_usd, **more, **READ)


def spec(**fields: Any) -> LlmSpec:
    return LlmSpec(
        **({"name": "ours", "model": "theirs", "base_url": "http://127.0.0.1:9/v1"} | fields)
    )


# Arithmetic.


@given(micro=st.integers(0, 10**14))
def test_a_price_as_written_is_its_micro_dollars(micro: int) -> None:
    assert rate_of(micro / PER) == micro
    assert exact(micro / MICRO) * MICRO == micro
    assert Tariff("llm", "row", None, micro / MICRO).micro_usd(1) == micro


@given(usd=st.floats(0, 1e6))
def test_a_price_is_exact_or_refused(usd: float) -> None:
    whole = (Fraction(repr(usd)) * PER).denominator == 1
    if whole:
        assert Fraction(rate_of(usd), PER) == Fraction(repr(usd))
    else:
        with pytest.raises(ValueError, match="six decimals"):
            rate_of(usd)


@given(
    tokens=st.lists(st.tuples(*[st.integers(0, 10**7)] * 3), min_size=1, max_size=9),
    rates=st.tuples(*[st.integers(0, 10**9)] * 3),
)
def test_calls_cost_at_least_their_sum_and_less_than_a_micro_dollar_each_more(
    tokens: list[tuple[int, int, int]], rates: tuple[int, int, int]
) -> None:
    calls, of = [Usage(*each) for each in tokens], TokenRates(*rates)
    true = sum(
        Fraction(n * rate, PER) for each in tokens for n, rate in zip(each, rates, strict=True)
    )
    billed = sum(of.micro_usd(call) for call in calls)
    assert true <= billed < true + len(calls)
    assert of.micro_usd(sum(calls, Usage())) <= billed


@given(price=st.integers(1, 10**9), dollars=st.integers(0, 10**12))
def test_what_is_affordable_fits_and_one_more_does_not(price: int, dollars: int) -> None:
    tariff = Tariff("llm", "row", None, price / MICRO)
    rows = tariff.affordable(dollars)
    assert tariff.micro_usd(rows) <= dollars < tariff.micro_usd(rows + 1)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"input_usd": 0.0000001}, "at most six decimals"),
        ({"input_usd": -1}, "greater than or equal to 0"),
        ({"input_usd": float("nan")}, "finite"),
        ({"cached_input_usd": 2}, "cached tokens cost at most what others cost"),
        ({"batch_input_usd": 0.5}, "both of them, or neither"),
        ({"source": ""}, "at least 1 character"),
    ],
)
def test_a_price_that_cannot_be_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TokenPrice(**({"input_usd": 1, "output_usd": 2, **READ} | fields))


# Who says so.


def test_the_file_comes_before_the_book_and_the_book_before_public_prices(book: PriceBook) -> None:
    mini = spec(model="gpt-4o-mini", base_url=OPENAI)
    assert rates_of(mini, book).by == "genai-prices"
    ours = book.with_llm_price("gpt-4o-mini", price(3, 4))
    assert rates_of(mini, ours).rates == TokenRates(3 * PER, 3 * PER, 4 * PER)
    named = ours.with_llm_price("ours", price(5, 6, cached_input_usd=0.5))
    assert rates_of(mini, named).rates == TokenRates(5 * PER, PER // 2, 6 * PER)
    written = rates_of(mini.model_copy(update={"price": price(0, 0)}), named)
    assert (written.rates, written.by, written.source) == (TokenRates.free(), "llm file", "a quote")


def test_a_price_that_nobody_knows_is_one_line_that_says_what_to_write(book: PriceBook) -> None:
    with pytest.raises(UserError) as mistake:
        rates_of(spec(), book)
    said = str(mistake.value)
    for part in ("'ours'", "ours or theirs", "2026-11-09", "127.0.0.1:9", "input_usd", "\n"):
        assert (part in said) == (part != "\n")


def test_a_model_at_ones_own_address_is_not_priced_as_its_makers_would(book: PriceBook) -> None:
    with pytest.raises(UserError, match="no price is known"):
        rates_of(spec(model="gpt-4o-mini"), book)
    with pytest.raises(UserError, match="knows no provider 'our-openai', only 'openai'"):
        rates_of(spec(model="gpt-4o-mini", provider="our-openai"), book)
    assert rates_of(spec(model="gpt-4o-mini", provider="openai"), book).rates.input == 150_000


def test_batches_have_a_price_of_their_own_or_none(book: PriceBook) -> None:
    asked = spec(model="gpt-4o-mini", base_url=OPENAI, batch=True)
    priced = rates_of(asked, book)
    assert asked_at(asked, priced) == priced.batch == TokenRates(75_000, 75_000, 300_000)
    assert asked_at(asked.model_copy(update={"batch": False}), priced) == priced.rates
    with pytest.raises(UserError, match="batch_input_usd and batch_output_usd"):
        rates_of(asked.model_copy(update={"price": price(1, 2)}), book)
    own = price(1, 2, batch_input_usd=0.7, batch_output_usd=1.5)
    priced = rates_of(asked.model_copy(update={"price": own}), book)
    assert asked_at(asked, priced) == TokenRates(700_000, 700_000, 1_500_000)


def test_ones_own_gpus_are_priced_by_the_hour(book: PriceBook) -> None:
    hosted = HostedPrice(
        accelerator="h100-80gb", gpus=2, input_tokens_per_second=20_000, output_tokens_per_second=1500, **READ
    )  # fmt: skip
    priced = rates_of(spec(hosted=hosted), book)
    per_second = Fraction("6.88") * 2 / 3600
    assert 0 <= priced.rates.input - per_second / 20_000 * PER * PER < 1
    assert 0 <= priced.rates.output - per_second / 1500 * PER * PER < 1
    assert priced.gpu_seconds(Usage(20_000, 0, 1500)) == pytest.approx(4)
    free = book.with_gpu_price("h100-80gb", 0, "our own", READ["date"])
    assert rates_of(spec(hosted=hosted), free).rates == TokenRates.free()
    with pytest.raises(UserError, match="accelerator 'h100'"):
        rates_of(spec(hosted=hosted.model_copy(update={"accelerator": "h100"})), book)


# Public prices.


def _model(prices: Any, variants: Any = None) -> public.ModelInfo:
    return public.ModelInfo("m", public.ClauseEquals("m"), prices=prices, price_variants=variants)


def _usd(input_usd: Any, output_usd: Any = 1, **more: Any) -> public.ModelPrice:
    def decimal(value: Any) -> Any:
        return value if isinstance(value, public.TieredPrices) else Decimal(str(value))

    names = {"input_mtok": input_usd, "output_mtok": output_usd, **more}
    return public.ModelPrice(**{name: decimal(value) for name, value in names.items()})


TODAY = datetime.date(2026, 11, 30)


def test_a_price_by_the_time_of_day_is_the_dearest_of_the_day() -> None:
    night = public.TimeOfDateConstraint(
        datetime.time(22, tzinfo=datetime.UTC), datetime.time(2, tzinfo=datetime.UTC)
    )
    for day_usd, night_usd in ((3, 1), (1, 3)):
        conditions = [
            public.ConditionalPrice(prices=_usd(day_usd)),
            public.ConditionalPrice(night, prices=_usd(night_usd)),
        ]
        assert public_prices._rates(_model(conditions), TODAY, {}, None) == TokenRates(
            3 * PER, 3 * PER, PER
        )


def test_a_price_that_begins_later_is_not_yet_one() -> None:
    def since(day: datetime.date, usd: int) -> public.ConditionalPrice:
        return public.ConditionalPrice(public.StartDateConstraint(day), prices=_usd(usd))

    model = _model(
        [
            public.ConditionalPrice(prices=_usd(1)),
            since(TODAY, 5),
            since(TODAY.replace(month=12), 9),
        ]
    )
    for day, usd in (
        (TODAY - datetime.timedelta(1), 1),
        (TODAY, 5),
        (datetime.date(2027, 1, 1), 9),
    ):
        assert public_prices._rates(model, day, {}, None) == TokenRates(usd * PER, usd * PER, PER)


def test_tiers_are_those_that_a_prompt_can_reach_and_any_where_it_is_not_known() -> None:
    tiers = public.TieredPrices(
        Decimal(1), [public.Tier(1000, Decimal(3)), public.Tier(9000, Decimal(2))]
    )
    model = _model(_usd(tiers))
    for longest, usd in ((None, 3), (1000, 1), (1001, 3), (10_000, 3)):
        rates = public_prices._rates(model, TODAY, {}, longest)
        assert isinstance(rates, TokenRates)
        assert rates.input == usd * PER


def test_noise_is_rounded_up_and_caches_never_cost_less_to_reserve() -> None:
    model = _model(_usd("0.13999999999999999", 1, cache_read_mtok="0.2", output_reasoning_mtok=7))
    assert public_prices._rates(model, TODAY, {}, None) == TokenRates(140_000, 140_000, 7 * PER)
    filled = _model(_usd(1, 1, cache_write_mtok="1.25", cache_read_mtok="0.1"))
    assert public_prices._rates(filled, TODAY, {}, None) == TokenRates(1_250_000, 100_000, PER)


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        (_usd(1, 1, requests_kcount=5), "requests_kcount"),
        (public.ModelPrice(input_mtok=Decimal(1)), "text in and out"),
        (_usd(1, 1, some_new_fee=5), "some_new_fee"),
    ],
)
def test_what_tokens_do_not_pay_is_refused(prices: Any, said: str) -> None:
    found = public_prices._rates(_model(prices), TODAY, {}, None)
    assert isinstance(found, str)
    assert said in found


def test_every_public_price_is_at_least_what_the_package_would_bill() -> None:
    """All models of the table that can be priced, at all hours, against the package's own arithmetic."""
    from genai_prices.data import providers

    usage = public.Usage(input_tokens=150_000, output_tokens=500)
    priced = 0
    for provider in providers:
        for model in provider.models:
            for context in ({}, {"processing": "batch"}):
                rates = public_prices._rates(model, TODAY, context, 150_000)
                if isinstance(rates, str):
                    continue
                most = rates.micro_usd(Usage(150_000, 0, 500))
                for hour in (0, 3, 9, 17):
                    moment = datetime.datetime(
                        TODAY.year, TODAY.month, TODAY.day, hour, tzinfo=datetime.UTC
                    )
                    billed = model.get_prices(moment, context).calc_price(usage)["total_price"]
                    assert billed * MICRO <= most, (provider.id, model.id, context)
                priced += 1
    assert priced > 3000


def test_public_prices_ask_no_network(book: PriceBook, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    priced = rates_of(spec(model="gpt-4o-mini", provider="openai"), book)
    assert priced.source.startswith("genai-prices 0.2")
    assert datetime.date(2026, 10, 1) < priced.date <= datetime.datetime.now(datetime.UTC).date()


# Books.


def test_a_book_of_ones_own_prices_llms_whole(tmp_path: Path, book: PriceBook) -> None:
    path = tmp_path / "ours.yaml"
    text = "book_id: ours\nextends: 2026-11-09\nllms:\n  text-davinci-003: {input_usd: 1, %ssource: us, date: 2026-11-01}\n"
    path.write_text(text % "output_usd: 2, ")
    assert open_book(path).llms["text-davinci-003"].rates == TokenRates(PER, PER, 2 * PER)
    path.write_text(text % "")
    with pytest.raises(UserError, match="llms.text-davinci-003.output_usd: missing"):
        open_book(path)


def test_another_price_of_an_llm_makes_another_book(book: PriceBook) -> None:
    dearer = book.with_llm_price("org/m-1.5", price(0.15, 0.6, cached_input_usd=0.075))
    assert dearer.book_id == "2026-11-09+llm.org/m-1.5=0.15/0.075/0.6"
    assert dearer.with_llm_price("org/m-1.5", price(0.15, 0.6, cached_input_usd=0.075)) is dearer
    batch = dearer.with_llm_price(
        "org/m-1.5",
        price(0.15, 0.6, cached_input_usd=0.075, batch_input_usd=0.1, batch_output_usd=0.3),
    )
    assert batch.book_id.endswith("+llm.org/m-1.5=0.15/0.075/0.6/0.1/0.1/0.3")
    assert "org/m-1.5" not in book.llms


def test_every_shipped_llm_is_whole_and_priced(book: PriceBook) -> None:
    files = sorted((Path(raydoa.llm.__file__).parent / "known").iterdir())
    assert files
    for path in files:
        known = read_llm_yaml(path)
        assert known.name == path.stem
        assert rates_of(known, book).rates.input > 0


def test_gpt3_costs_what_it_did(book: PriceBook) -> None:
    rates = book.llms["text-davinci-003"].rates
    assert rates.micro_usd(Usage(990, 0, 10)) == 20_000  # 2 cents per 1,000 tokens.
