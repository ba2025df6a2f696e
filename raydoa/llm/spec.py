"""An LLM, as a user names it: which model at which endpoint, how it is asked, and what it costs.

What decides its answers is identity (`LlmSpec.identity`); where it is reached and how fast is not, so the same model at
another URL goes on with the answers that are there.
"""

import datetime
import re
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from raydoa.errors import UserError
from raydoa.llm.tokens import PER, TokenRates, rate_of
from raydoa.settings import Settings, parse, read_yaml
from raydoa.store.key import canonical_json

AnswerFormat: TypeAlias = Literal["json_schema", "structured_outputs", "grammar", "free"]
"""How an endpoint is told which answers there are: OpenAI's `response_format`, vLLM's `structured_outputs`, llama.cpp's
`grammar`, or in the prompt alone. Whatever it is, each answer is checked."""

OWN_FIELDS = frozenset(
    {"model", "messages", "temperature", "max_tokens", "max_completion_tokens", "n", "stream", "stream_options",
     "logprobs", "top_logprobs", "response_format", "structured_outputs", "grammar"}
)  # fmt: skip
"""Of a request: other fields of the spec decide them, or answers could not be read."""


class TokenPrice(Settings):
    """Dollars per million tokens, with where and when that was read; 0 is a price where it is stated.

    ``cached_input_usd`` None: cached tokens cost as others; the prices of the batch interface None: it has none.
    Output tokens include those of thinking.
    """

    input_usd: float = Field(ge=0)
    cached_input_usd: float | None = Field(default=None, ge=0)
    output_usd: float = Field(ge=0)
    batch_input_usd: float | None = Field(default=None, ge=0)
    batch_output_usd: float | None = Field(default=None, ge=0)
    source: str = Field(min_length=1)
    date: datetime.date

    @field_validator(
        "input_usd", "cached_input_usd", "output_usd", "batch_input_usd", "batch_output_usd"
    )
    @classmethod
    def _in_whole_micro_dollars(cls, usd: float | None) -> float | None:
        if usd is not None:
            rate_of(usd)
        return usd

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.cached_input_usd is not None and self.cached_input_usd > self.input_usd:
            # What is reserved takes no token as cached.
            raise ValueError("cached_input_usd: cached tokens cost at most what others cost")
        if (self.batch_input_usd is None) != (self.batch_output_usd is None):
            raise ValueError("batch_input_usd and batch_output_usd: both of them, or neither")
        return self

    @property
    def rates_written(self) -> str:
        """The price alone, as it stands in the id of a price book: ``0.15/0.075/0.6``; prices of the batch interface follow."""
        rates = [self.rates, *([] if self.batch_rates is None else [self.batch_rates])]
        kinds = [rate for one in rates for rate in (one.input, one.cached, one.output)]
        return "/".join(f"{rate / PER:.15g}" for rate in kinds)

    @property
    def rates(self) -> TokenRates:
        """Of a call that is answered at once."""
        cached = self.input_usd if self.cached_input_usd is None else self.cached_input_usd
        return TokenRates(rate_of(self.input_usd), rate_of(cached), rate_of(self.output_usd))

    @property
    def batch_rates(self) -> TokenRates | None:
        """Of the batch interface, where a cached token costs what another does; None: it has none."""
        if self.batch_input_usd is None or self.batch_output_usd is None:
            return None
        tokens = rate_of(self.batch_input_usd)
        return TokenRates(tokens, tokens, rate_of(self.batch_output_usd))


class HostedPrice(Settings):
    """A model that is served on one's own GPUs: an accelerator of the price book, and how fast it was measured there."""

    accelerator: str
    gpus: int = Field(default=1, ge=1)
    input_tokens_per_second: float = Field(gt=0)
    output_tokens_per_second: float = Field(gt=0)
    source: str = Field(min_length=1)
    date: datetime.date


class Limits(Settings):
    """How fast an endpoint may be asked; what its responses' headers say is followed beside that."""

    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1)
    in_flight: int = Field(default=64, ge=1)
    """Most requests that one process has in flight."""
    timeout_seconds: float = Field(default=120.0, gt=0)
    retries: int = Field(default=6, ge=0)
    """Of a request that fails for a reason that may pass."""


class LlmSpec(Settings):
    """An LLM behind an OpenAI-compatible endpoint.

    Attributes:
        name: what it is called in flags, plans and rows.
        model: what the endpoint calls it.
        base_url: of the endpoint, such as ``https://api.openai.com/v1``.
        api_key_variable: the environment variable that holds the key; None: it wants none. The key itself is in no file.
        provider: as `genai-prices` calls who is paid, where neither `price` nor the price book says what it costs.
        answers: see `AnswerFormat`.
        top_logprobs: how many of the likeliest first tokens the endpoint tells, for soft labels over classes; 0: none.
        votes: answers to a row; with several, their shares are soft labels.
        temperature: of its sampling; None: it is not said, for models that take none but their own.
        max_output_tokens: the most that an answer may have, thinking included; it is what is reserved. None: what the
            task's answers need, without thinking.
        output_limit: what the endpoint calls that.
        extra_body: what else a request says, such as ``{reasoning_effort: low}``.
        batch: ask through the batch interface (`/v1/files`, `/v1/batches`) at its own price.
        price: what its tokens cost; a price book's and `genai-prices` come after it.
        hosted: what it costs where it runs on one's own GPUs, instead of `price`.
        tokenizer: folder of its tokenizer, with which prompts are counted before they are sent.
        most_refused: share of rows without a usable answer above which a stage fails.
        limits: see `Limits`.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9._/-]+$")
    model: str = Field(min_length=1)
    base_url: str
    api_key_variable: str | None = None
    provider: str | None = None
    answers: AnswerFormat = "json_schema"
    top_logprobs: int = Field(default=0, ge=0, le=20)
    votes: int = Field(default=1, ge=1)
    temperature: float | None = Field(default=0.0, ge=0)
    max_output_tokens: int | None = Field(default=None, ge=1)
    output_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    extra_body: dict[str, Any] = Field(default_factory=dict)
    batch: bool = False
    price: TokenPrice | None = None
    hosted: HostedPrice | None = None
    tokenizer: str | None = None
    most_refused: float = Field(default=0.1, ge=0, le=1)
    limits: Limits = Limits()

    @field_validator("base_url")
    @classmethod
    def _reachable_by_http(cls, url: str) -> str:
        if not re.fullmatch(r"https?://[^\s@]+", url):
            raise ValueError(
                "a URL is http://HOST/... or https://HOST/..., without a key or password in it"
            )
        return url.rstrip("/")

    @field_validator("api_key_variable")
    @classmethod
    def _a_variable(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            # Not repeated here: it may be the key itself.
            raise ValueError("the name of an environment variable that holds the key, not the key")
        return name

    @field_validator("extra_body")
    @classmethod
    def _says_nothing_twice(cls, body: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(OWN_FIELDS & body.keys()):
            raise ValueError(f"{', '.join(taken)} of a request are set by raydoa; leave them out")
        canonical_json(body)
        return body

    @model_validator(mode="after")
    def _one_price(self) -> Self:
        if self.price is not None and self.hosted is not None:
            raise ValueError("price and hosted: one of them")
        if self.votes > 1 and self.top_logprobs:
            raise ValueError("votes and top_logprobs: soft labels come from one of them")
        if self.votes > 1 and self.temperature == 0:
            raise ValueError(
                "votes: more than one of them at temperature 0 is the same answer again"
            )
        return self

    @property
    def identity(self) -> dict[str, object]:
        """What decides its answers, as plain values: neither where it is reached nor what it costs."""
        names = (
            "model",
            "answers",
            "top_logprobs",
            "votes",
            "temperature",
            "max_output_tokens",
            "extra_body",
        )
        return {name: getattr(self, name) for name in names}

    def at(self, url: str) -> "LlmSpec":
        """The same at another URL. Raises `UserError`: it is none."""
        return parse({**self.model_dump(), "base_url": url}, LlmSpec, where=f"LLM {self.name}")


def read_llm_yaml(path: Path) -> LlmSpec:
    """Read an LLM from a file; a relative folder in it is relative to the file's own.

    Raises:
        UserError: the file is missing, or is no LLM.
    """
    spec = read_yaml(path, LlmSpec)
    if spec.tokenizer is None:
        return spec
    folder = path.resolve().parent / spec.tokenizer
    if not folder.is_dir():
        raise UserError(f"{path}: tokenizer: no folder {folder}")
    return spec.model_copy(update={"tokenizer": str(folder)})
