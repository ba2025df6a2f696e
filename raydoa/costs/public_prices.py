"""Prices of LLM providers as the package `genai-prices` lists them: an offline table that comes with it.

Its own updater, which would ask the network, is never started. Of a price that is not one number the highest is taken:
of tiers those that the longest prompt can reach, of times of day the dearest, and of prompt tokens that of writing a
provider's cache where that has one, since some caches fill unasked. Prices of faster or slower service are left out, for
nobody asks for it. What tokens alone do not pay (a fee for each request, say) is refused, never left out.

The package says no date of its table. What it says is when prices begin; the latest such date that is over tells how old
the table is at most.
"""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from raydoa.llm.tokens import PER, TokenRates

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, TieredPrices

_BATCH = {"processing": "batch"}
_TOKENS = frozenset(
    {"input_mtok", "cache_read_mtok", "cache_write_mtok", "output_mtok", "output_reasoning_mtok"}
)
_NEVER_USED = ("searches", "audio", "image", "video", "document", "cache_write_1h")
"""In the names of prices of what a request for a label has none of."""


@dataclass(frozen=True)
class PublicPrice:
    """What a provider takes for a model's tokens; see `raydoa.costs.llm_prices.Priced`."""

    rates: TokenRates
    batch: TokenRates | None
    source: str
    date: datetime.date


def public_price(
    model: str, provider: str | None, base_url: str, longest: int | None
) -> PublicPrice | str:
    """The price of a model at a provider, or else at whoever an endpoint's URL belongs to; a clause that says why there is none.

    Args:
        model: what the endpoint calls it.
        provider: as `genai-prices` calls it.
        base_url: of the endpoint.
        longest: see `raydoa.costs.llm_prices.rates_of`.
    """
    # A second or more to import: only where it is asked.
    import genai_prices
    from genai_prices.data import providers
    from genai_prices.data_snapshot import DataSnapshot

    # Not the package's shared snapshot, which somebody in the process may have replaced by one of the network.
    table = DataSnapshot(providers=providers, from_auto_update=False)
    name = f"genai-prices {genai_prices.__version__}"
    try:
        payee, listed = table.find_provider_model(
            model, None, provider, None if provider else base_url
        )
    except LookupError:
        whom = provider or f"whoever serves {base_url} (provider: names who is paid)"
        return f"{name} knows none of {model!r} at {whom}"
    if provider and payee.id != provider:
        # It takes any name that has a provider's in it, such as that of a proxy with prices of its own.
        return f"{name} knows no provider {provider!r}, only {payee.id!r}"
    today = datetime.datetime.now(datetime.UTC).date()
    found = _rates(listed, today, {}, longest)
    if isinstance(found, str):
        return f"{name} has one of {payee.id}/{listed.id} that {found}"
    batch = _rates(listed, today, _BATCH, longest) if _has_batch(listed, today) else None
    began = max(
        day for one in providers for each in one.models for day in _begins(each) if day <= today
    )
    return PublicPrice(
        rates=found,
        batch=None if isinstance(batch, str) else batch,
        source=f"{name}, {payee.id}/{listed.id}",
        date=began,
    )


def _rates(
    model: "ModelInfo", today: datetime.date, context: dict[str, str], longest: int | None
) -> TokenRates | str:
    """The dearest of a day's prices."""
    prices = [model.get_prices(moment, context) for moment in _moments(model, today)]
    for price in prices:
        paid = [name for name, value in vars(price).items() if value is not None]
        other = [
            name
            for name in paid
            if name not in _TOKENS and not any(what in name for what in _NEVER_USED)
        ]
        if other:
            return f"is not for tokens alone ({', '.join(other)})"
        if "input_mtok" not in paid or "output_mtok" not in paid:
            return "is not for tokens of text in and out"

    def highest(*names: str) -> int:
        values = [getattr(price, name) for price in prices for name in names]
        return max(_micro_usd(value, longest) for value in values if value is not None)

    prompt = highest("input_mtok", "cache_write_mtok")
    reads = [price.cache_read_mtok is not None for price in prices]
    cached = min(highest("cache_read_mtok"), prompt) if all(reads) else prompt
    return TokenRates(prompt, cached, highest("output_mtok", "output_reasoning_mtok"))


def _micro_usd(price: "Decimal | TieredPrices", longest: int | None) -> int:
    """Whole micro-dollars per million tokens, rounded up: some prices of the table have a float's noise."""
    if isinstance(price, Decimal):
        usd = price
    else:
        reached = (tier.price for tier in price.tiers if longest is None or longest > tier.start)
        usd = max([price.base, *reached])
    return int((usd * PER).to_integral_value(ROUND_CEILING))


def _moments(model: "ModelInfo", today: datetime.date) -> Iterator[datetime.datetime]:
    """One of each part of a day that may have a price of its own."""
    times = {datetime.time(0, tzinfo=datetime.UTC)}
    for conditional in model.prices if isinstance(model.prices, list) else ():
        for end in ("start_time", "end_time"):
            if (time := getattr(conditional.constraint, end, None)) is not None:
                times.add(time if time.tzinfo else time.replace(tzinfo=datetime.UTC))
    return (datetime.datetime.combine(today, time) for time in times)


def _has_batch(model: "ModelInfo", today: datetime.date) -> bool:
    """Without this, a model that is in no batch interface would be priced there as elsewhere."""
    noon = datetime.datetime.combine(today, datetime.time(12), datetime.UTC)
    return any(
        variant.when == _BATCH and (variant.constraint is None or variant.constraint.active(noon))
        for variant in model.price_variants or ()
    )


def _begins(model: "ModelInfo") -> Iterator[datetime.date]:
    conditional = model.prices if isinstance(model.prices, list) else ()
    for one in (*conditional, *(model.price_variants or ())):
        if (day := getattr(one.constraint, "start_date", None)) is not None:
            yield day
