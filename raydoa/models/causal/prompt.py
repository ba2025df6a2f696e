"""What a decoder-only model reads and writes: a source as a prompt, a target as the completion of it.

A tokenizer with a chat template gets the source as the one message of a user, and the beginning of the answer; without
thinking where the template lets one choose. Any other gets the source and a line break: a model that goes on with a text
needs to see where it ends, and nearly every vocabulary has the line break as one token that no word begins with.

A completion ends with what ends the assistant's turn in the template, else with the tokenizer's end token. Two models of
one tokenizer that end differently (a base model and its chat model) do not write over the same tokens.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from raydoa.errors import UserError
from raydoa.models.broken_files import read_as
from raydoa.models.hub import read_config
from raydoa.models.token_texts import TokenTexts, texts_of_pretrained
from raydoa.models.word_pieces import WordPieces

_SEPARATOR = "\n"
_MARKER = "RAYDOA_MARKER"
_FIXED_DATE = "{%- macro strftime_now(format) -%}26 Jul 2024{%- endmacro -%}"
"""Some templates say what day it is, and a prompt is to be the same on all days."""


class Prompt:
    """The prompts and completions of a tokenizer; ``folder`` is its checkpoint's.

    Attributes:
        end: id that ends a completion.
        fingerprint: of how a source becomes ids.
        space: fingerprint of what completions are over.

    Raises:
        UserError: there is no end token, or the chat template takes no user's message.
    """

    def __init__(self, pieces: WordPieces, folder: Path) -> None:
        self._tokenizer: Any = pieces.tokenizer
        self._folder = folder
        self._before, self._after, self._leading = self._frame()
        self.end = self._end()
        frame = json.dumps([pieces.fingerprint, self._before, self._after, self._leading])
        self.fingerprint = hashlib.sha256(frame.encode()).hexdigest()
        self.space = f"{pieces.fingerprint}, ended by {self.end}"

    def encode(self, texts: Sequence[str], length: int) -> list[list[int]]:
        """Ids of the prompt of each text, at most ``length``: a text that is too long loses its end, the frame nothing.

        Raises:
            UserError: ``length`` has no room for any text.
        """
        framed = [f"{self._before}{text}{self._after}" for text in texts]
        encoded = self._tokenizer(
            framed, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        room = length - len(self._leading)
        rows = []
        for text, ids, spans in zip(
            texts, encoded["input_ids"], encoded["offset_mapping"], strict=True
        ):
            kept = ids if len(ids) <= room else self._cut(ids, spans, len(text), room)
            rows.append([*self._leading, *kept] or [self.end])
        return rows

    def complete(self, texts: Sequence[str], length: int) -> list[list[int]]:
        """Ids of each text as a completion, ended, at most ``length``."""
        if not texts:
            return []
        rows = self._tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
        return [[*ids[: length - 1], self.end] for ids in rows]

    def read(self, completions: Sequence[Sequence[int]]) -> list[str]:
        """The texts of completions, up to their ends."""
        rows = [list(ids) for ids in completions]
        written = [ids[: ids.index(self.end)] if self.end in ids else ids for ids in rows]
        return [
            str(self._tokenizer.decode(ids, skip_special_tokens=True)).strip() for ids in written
        ]

    def token_texts(self) -> TokenTexts:
        """What each id of a completion writes."""
        return texts_of_pretrained(self._tokenizer, self.end)

    def _cut(
        self, ids: Sequence[int], spans: Sequence[tuple[int, int]], text: int, room: int
    ) -> list[int]:
        first, last = len(self._before), len(self._before) + text
        head = next((i for i, (_, stop) in enumerate(spans) if stop > first), len(ids))
        tail = next((i for i, (start, _) in enumerate(reversed(spans)) if start < last), len(ids))
        if room <= head + tail:
            least = head + tail + len(self._leading) + 1
            raise UserError(
                f"{self._folder}: source_length has no room for a text: its prompt alone takes {least - 1} tokens; set "
                f"it to {least} at least"
            )
        return [*ids[: room - tail], *ids[len(ids) - tail :]]

    def _frame(self) -> tuple[str, str, list[int]]:
        """What stands before and after a source, and ids before all of it."""
        if self._tokenizer.chat_template:
            text = self._rendered([{"role": "user", "content": _MARKER}], answer=True)
            before, found, after = text.partition(_MARKER)
            if not found or _MARKER in after:
                raise UserError(
                    f"{self._folder}: its chat template does not write a user's message once; mend the template, or "
                    "remove it and be without one"
                )
            return before, after, []
        alone = self._tokenizer("", verbose=False)["input_ids"]
        begin = self._tokenizer.bos_token_id
        # Some add the end token as well, after which no model would go on.
        return "", _SEPARATOR, [begin] if begin is not None and alone[:1] == [begin] else []

    def _rendered(self, messages: list[dict[str, str]], *, answer: bool) -> str:
        template: str = self._tokenizer.get_chat_template()
        options = {"enable_thinking": False} if "enable_thinking" in template else {}
        if "strftime_now" in template:
            template = _FIXED_DATE + template
        try:
            with read_as("a chat template", self._folder):
                text: str = self._tokenizer.apply_chat_template(
                    messages,
                    chat_template=template,
                    add_generation_prompt=answer,
                    tokenize=False,
                    **options,
                )
        except TemplateError as error:
            why = " ".join(str(error).split())
            raise UserError(
                f"{self._folder}: its chat template cannot be used ({why}); mend the template, or remove it and be "
                "without one"
            ) from error
        return text

    def _end(self) -> int:
        ends: Any = self._end_of_turn() if self._tokenizer.chat_template else None
        if ends is None:
            ends = self._tokenizer.eos_token_id
        if ends is None:
            found = read_config(self._folder).get("eos_token_id")
            ends = found[0] if isinstance(found, list) and found else found
        if not isinstance(ends, int):
            raise UserError(
                f"{self._folder}: its tokenizer has no end token, so the model could not learn when to stop; set "
                "eos_token in tokenizer_config.json"
            )
        return ends

    def _end_of_turn(self) -> int | None:
        """The special token right after an answer, where the template has one."""
        turns = [
            {"role": "user", "content": "."},
            {"role": "assistant", "content": _MARKER},
        ]
        try:
            text = self._rendered(turns, answer=False)
        except UserError:
            return None  # Written for prompts alone; those have been rendered.
        _, found, after = text.rpartition(_MARKER)
        ids: list[int] = self._tokenizer(after, add_special_tokens=False)["input_ids"]
        special = self._tokenizer.added_tokens_decoder
        return ids[0] if found and ids and ids[0] in special else None
