"""What labelling a pool row with an LLM costs: at most, which plans and reservations hold to, and likely.

At most is the dearest row of the pool, asked as often as it has votes, each answer as long as allowed and no token cached:
U rows at that price are a ceiling whichever rows they are. Likely is the mean over the pool, or a sample of it. Both
count the prompts that will be sent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from raydoa.costs.llm_prices import Priced
from raydoa.costs.tariffs import MICRO, Tariff
from raydoa.errors import UserError
from raydoa.llm.answer import Message
from raydoa.llm.counting import TokenCounter
from raydoa.llm.tokens import PER, TokenRates, Usage


@dataclass(frozen=True)
class RowCost:
    """What a row costs.

    Attributes:
        rows: how many the means are of.
        highest: the most tokens of a row, over all its votes.
        highest_micro_usd: what those cost.
        likely_input, likely_output: tokens of a row, over all its votes, on average.
        likely_usd: dollars of that.
        counted: how: with the model's `tokenizer`, or from `bytes`.
    """

    rows: int
    highest: Usage
    highest_micro_usd: int
    likely_input: float
    likely_output: float
    likely_usd: float
    counted: str

    def tariff(self, item: str, priced: Priced) -> Tariff:
        """The price of a row as a cost item's: the highest; what is likely stands beside it."""
        return Tariff(
            item,
            "row",
            priced.gpu_seconds(self.highest) if priced.hosted else None,
            self.highest_micro_usd / MICRO,
            basis=priced.by,
            likely_price_usd=self.likely_usd,
            detail=(
                ("highest_input_tokens", self.highest.input),
                ("highest_output_tokens", self.highest.output),
                ("likely_input_tokens", self.likely_input),
                ("likely_output_tokens", self.likely_output),
                ("counted", self.counted),
                ("price_source", priced.source),
                ("price_date", priced.date.isoformat()),
            ),
        )


@dataclass(frozen=True)
class Answering:
    """How long answers are.

    Attributes:
        most: tokens that one may have.
        likely: tokens that one has.
        votes: answers to a row.
    """

    most: int
    likely: float
    votes: int = 1


def likely_answer(counter: TokenCounter, answers: Iterable[str], most: int) -> float:
    """Tokens of an answer if they read like these (the owned rows' targets, as the LLM is told to write them); no more than ``most``."""
    lengths = [min(float(most), counter.likely_answer(answer)) for answer in answers]
    return sum(lengths) / len(lengths) if lengths else float(most)


def row_cost(
    prompts: Iterable[Sequence[Message]],
    counter: TokenCounter,
    answering: Answering,
    rates: TokenRates,
    beside: str = "",
    dearest: Iterable[Sequence[Message]] = (),
) -> RowCost:
    """What a row of a pool costs.

    Args:
        prompts: of each row, as they will be sent.
        counter: counts their tokens.
        answering: what comes back.
        rates: of the interface through which the LLM is asked (`raydoa.costs.llm_prices.asked_at`).
        beside: what else each request says that is read as tokens, such as a JSON schema.
        dearest: prompts that count for the highest alone; where ``prompts`` are a sample, those of the longest rows.

    Raises:
        UserError: there is no row.
    """
    rows, longest, read = 0, 0, 0.0
    for prompt in prompts:
        rows += 1
        longest = max(longest, counter.most(prompt, beside))
        read += counter.likely(prompt, beside)
    if not rows:
        raise UserError("the pool has no row to label; give a larger pool")
    longest = max([longest, *(counter.most(prompt, beside) for prompt in dearest)])
    votes = answering.votes
    # Each call is rounded up to a micro-dollar where it is settled.
    each = rates.micro_usd(Usage(longest, 0, answering.most))
    likely_input, likely_output = votes * read / rows, votes * answering.likely
    return RowCost(
        rows=rows,
        highest=Usage(votes * longest, 0, votes * answering.most),
        highest_micro_usd=votes * each,
        likely_input=likely_input,
        likely_output=likely_output,
        likely_usd=(likely_input * rates.input + likely_output * rates.output) / PER / MICRO,
        counted=counter.basis,
    )
