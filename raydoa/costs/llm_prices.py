"""What an LLM's tokens cost, and who says so.

Asked in this order: the LLM's own file (`price`, or `hosted` where it runs on one's own GPUs), the price book, and
`raydoa.costs.public_prices`. A price that nobody knows is an error that says what to write. A price is the highest that
a token can cost: what is reserved must hold whatever the bill says.
"""

import datetime
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

from raydoa.costs.prices import PriceBook
from raydoa.costs.public_prices import PublicPrice, public_price
from raydoa.costs.tariffs import exact
from raydoa.errors import UserError
from raydoa.llm.spec import HostedPrice, LlmSpec, TokenPrice
from raydoa.llm.tokens import PER, TokenRates, Usage

PricedBy: TypeAlias = Literal["llm file", "own GPUs", "price book", "genai-prices"]


@dataclass(frozen=True)
class Priced:
    """The price of an LLM's tokens.

    Attributes:
        rates: of a call that is answered at once.
        batch: of the batch interface; None: it has none.
        by: who says so.
        source, date: where and when it was read there.
        hosted: of a model on one's own GPUs, how fast it is.
    """

    rates: TokenRates
    batch: TokenRates | None
    by: PricedBy
    source: str
    date: datetime.date
    hosted: HostedPrice | None = None

    def gpu_seconds(self, usage: Usage) -> float:
        """What tokens take of one's own GPUs; 0 where somebody else's compute."""
        if self.hosted is None:
            return 0.0
        prompt = (usage.input + usage.cached) / self.hosted.input_tokens_per_second
        return self.hosted.gpus * (prompt + usage.output / self.hosted.output_tokens_per_second)


def rates_of(spec: LlmSpec, book: PriceBook, longest: int | None = None) -> Priced:
    """The price of an LLM's tokens.

    Args:
        spec: the LLM.
        book: the price book.
        longest: the most tokens that a prompt has; where the price rises with a prompt's length, None is any length.

    Raises:
        UserError: nobody knows its price, or that of the batch interface where it is asked through that.
    """
    priced = _priced(spec, book, longest)
    if spec.batch and priced.batch is None:
        raise UserError(
            f"LLM {spec.name!r}: batch: the {priced.by} knows no price of the batch interface; give batch_input_usd and "
            "batch_output_usd in its price, or leave batch out"
        )
    return priced


def asked_at(spec: LlmSpec, priced: Priced) -> TokenRates:
    """The rates of the interface through which an LLM is asked."""
    if not spec.batch:
        return priced.rates
    assert priced.batch is not None, "rates_of refuses it"
    return priced.batch


def _priced(spec: LlmSpec, book: PriceBook, longest: int | None) -> Priced:
    if spec.price is not None:
        return _written(spec.price, "llm file")
    if spec.hosted is not None:
        return _hosted(spec.hosted, book)
    for name in (spec.name, spec.model):
        if name in book.llms:
            return _written(book.llms[name], "price book")
    public = public_price(spec.model, spec.provider, spec.base_url, longest)
    if isinstance(public, PublicPrice):
        return Priced(public.rates, public.batch, "genai-prices", public.source, public.date)
    raise UserError(
        f"LLM {spec.name!r}: no price is known: its file has none, price book {book.book_id!r} has none of "
        f"{' or '.join(dict.fromkeys([spec.name, spec.model]))}, and {public}; give it in its file as price: {{input_usd: "
        "..., output_usd: ..., source: ..., date: ...}, in dollars per million tokens (0 where nobody is paid)"
    )


def _written(price: TokenPrice, by: PricedBy) -> Priced:
    return Priced(price.rates, price.batch_rates, by, price.source, price.date)


def _hosted(hosted: HostedPrice, book: PriceBook) -> Priced:
    """GPU-seconds of a token at the book's price of a GPU-hour, rounded up to a whole micro-dollar per million tokens."""
    hour = exact(book.gpu_hour_usd(hosted.accelerator)) * hosted.gpus

    def rate(tokens_per_second: float) -> int:
        seconds: Fraction = PER / exact(tokens_per_second)
        micro_usd = hour * seconds / 3600 * PER
        return -(-micro_usd.numerator // micro_usd.denominator)

    prompt = rate(hosted.input_tokens_per_second)
    rates = TokenRates(prompt, prompt, rate(hosted.output_tokens_per_second))
    source = f"{hosted.gpus} {hosted.accelerator} of price book {book.book_id!r}; tokens a second: {hosted.source}"
    return Priced(rates, None, "own GPUs", source, hosted.date, hosted)
