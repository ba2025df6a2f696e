"""How many tokens an endpoint will read in messages: at most, which is what is reserved, and likely.

With the model's tokenizer they are counted as its chat template writes them. Without it the most is a bound from bytes:
tokenizers of LLMs (byte-level BPE; SentencePiece with fallback to bytes) write at most one token for a byte of the text
that they read, which is the text as it is or normalised by Unicode, whatever is longest; what stands around messages is
allowed for by constants. The bound does not hold for what an endpoint adds beyond those, such as a long system prompt of
its own; then its bill shows more tokens than were reserved, which is told where the answer is settled.
"""

import unicodedata
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from raydoa.errors import UserError
from raydoa.llm.answer import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PER_MESSAGE = 16
"""Tokens around a message: ChatML, Harmony and Llama 3 write four or five."""
PER_REQUEST = 256
"""Tokens that a template writes unasked: Harmony's system message has about 70, Qwen 2.5's 20, Llama 3.1's 25."""
BYTES_PER_TOKEN = 3.5
"""Of a prompt. SmolLM2's 49,152 tokens (GPT-3 had about as many) take 3.5 to 4.2 bytes each of the six tasks' sources, 3.2 of
WLP's targets and under 2 of short names of classes; larger vocabularies take more."""
_AROUND = 5
"""Tokens that ChatML writes around a message."""


class TokenCounter(Protocol):
    """Counts tokens of prompts. ``basis`` tells people how: the tokenizer's, or a bound from bytes."""

    @property
    def basis(self) -> Literal["tokenizer", "bytes"]:
        """How it counts."""
        ...

    def most(self, messages: Sequence[Message], beside: str = "") -> int:
        """A bound; ``beside`` is what else of a request is read, such as a JSON schema."""
        ...

    def likely(self, messages: Sequence[Message], beside: str = "") -> float:
        """An estimate."""
        ...

    def likely_answer(self, text: str) -> float:
        """An estimate of an answer that reads so."""
        ...


def counter_of(tokenizer: str | None) -> TokenCounter:
    """A counter with the tokenizer in a folder, or without one."""
    return BytesCounter() if tokenizer is None else TokenizerCounter(Path(tokenizer))


class BytesCounter:
    """Without a tokenizer: from bytes of UTF-8."""

    basis: Literal["bytes"] = "bytes"

    def most(self, messages: Sequence[Message], beside: str = "") -> int:
        """See `TokenCounter`."""
        texts = [text for message in messages for text in message.values()]
        around = PER_REQUEST + PER_MESSAGE * len(messages)
        return around + sum(most_bytes(text) for text in (*texts, beside))

    def likely(self, messages: Sequence[Message], beside: str = "") -> float:
        """See `TokenCounter`."""
        texts = [message["content"] for message in messages]
        read = sum(_bytes(text) for text in (*texts, beside))
        # And around the beginning of the answer.
        return read / BYTES_PER_TOKEN + _AROUND * (len(messages) + 1)

    def likely_answer(self, text: str) -> float:
        """See `TokenCounter`."""
        return _bytes(text) / BYTES_PER_TOKEN + 1


class TokenizerCounter:
    """With the model's tokenizer and chat template."""

    basis: Literal["tokenizer"] = "tokenizer"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Most of a prompt is the same in each row's.
        self._count = lru_cache(maxsize=4096)(self._count_text)
        self._around = lru_cache(maxsize=64)(self._count_around)

    def most(self, messages: Sequence[Message], beside: str = "") -> int:
        """See `TokenCounter`."""
        # Where two texts meet, a template's newline may keep tokens apart that were one.
        slack = 2 * len(messages)
        return slack + self._counted(messages, beside)

    def likely(self, messages: Sequence[Message], beside: str = "") -> float:
        """See `TokenCounter`."""
        return float(self._counted(messages, beside))

    def likely_answer(self, text: str) -> float:
        """See `TokenCounter`."""
        return self._count(text) + 1.0

    def _counted(self, messages: Sequence[Message], beside: str) -> int:
        texts = sum(self._count(message["content"]) for message in messages)
        roles = tuple(message["role"] for message in messages)
        return texts + self._around(roles) + (self._count(beside) if beside else 0)

    def _count_text(self, text: str) -> int:
        """Text that looks like a special token is counted as text: an endpoint may read it so."""
        read = self._tokenizer(text, add_special_tokens=False, split_special_tokens=True)
        return len(read["input_ids"])

    def _count_around(self, roles: tuple[str, ...]) -> int:
        """What the chat template writes around messages of these roles."""
        from jinja2 import TemplateError

        content = "a"
        messages = [{"role": role, "content": content} for role in roles]
        if self._tokenizer.chat_template is None:
            return PER_REQUEST + PER_MESSAGE * len(roles)
        try:
            written = self._tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True
            )
        except TemplateError as error:
            raise UserError(
                f"{self._folder}: its chat template takes no {', '.join(roles)} messages ({error}), so its endpoint will "
                "refuse them as well"
            ) from error
        read = self._tokenizer(written, add_special_tokens=False)
        return len(read["input_ids"])

    @cached_property
    def _tokenizer(self) -> "PreTrainedTokenizerBase | Any":
        from transformers import AutoTokenizer

        try:
            return AutoTokenizer.from_pretrained(self._folder, local_files_only=True)
        except (OSError, ValueError) as error:
            why = " ".join(str(error).split())[:200]
            raise UserError(f"{self._folder}: no tokenizer can be opened there ({why})") from error


def most_bytes(text: str) -> int:
    """Bytes of a text, as it is or in whichever of Unicode's normal forms has the most."""
    if text.isascii():
        return len(text)
    forms = (unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD"))
    return max(_bytes(text), *(_bytes(form) for form in forms))


def _bytes(text: str) -> int:
    # A lone surrogate, which JSON can hold, is sent as U+FFFD or escaped; three bytes either way.
    return len(text.encode(errors="surrogatepass"))
