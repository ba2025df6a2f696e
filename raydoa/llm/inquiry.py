"""What an LLM is asked about the rows of a task: everything that decides its answers, beside the row.

    task + LLM + shots --Inquiry--> fingerprint, which names the question
    row's source       --Inquiry--> messages --> requests, one a vote, each with the key of its answer

A key hashes the fingerprint, the source and the vote: rows with one source share an answer, and no other field of a row,
of its task or of the endpoint makes one be bought again.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from raydoa.llm.answer import Message, Request
from raydoa.llm.fence import defused
from raydoa.llm.formats import AnswerForm
from raydoa.llm.prompt import Prompt, prompt_of
from raydoa.llm.spec import LlmSpec
from raydoa.llm.tokens import Usage
from raydoa.store.key import canonical_json
from raydoa.tasks.data import Row
from raydoa.tasks.task import TaskSpec

CountTokens: TypeAlias = Callable[[Sequence[Message]], int]
"""The most tokens that a prompt with these messages can have, and with what `AnswerForm.constraint` tells the model beside."""

_ANY_ROW = "A text, which <row>stands</row> for any."


@dataclass(frozen=True)
class Inquiry:
    """What one LLM is asked about rows of one task.

    Attributes:
        llm: who is asked.
        task: what is asked for.
        shots: rows that the prompt shows with their targets.
        prompt: the templates.
    """

    llm: LlmSpec
    task: TaskSpec
    shots: tuple[Row, ...]
    prompt: Prompt

    @classmethod
    def of(cls, llm: LlmSpec, task: TaskSpec, shots: Sequence[Row]) -> "Inquiry":
        """What ``llm`` is asked about rows of ``task``.

        Raises:
            UserError: the task's own templates cannot be read or rendered.
        """
        inquiry = cls(llm, task, tuple(shots), prompt_of(task))
        inquiry.messages(_ANY_ROW)
        return inquiry

    @cached_property
    def form(self) -> AnswerForm:
        """How its answers look."""
        return AnswerForm.of(self.llm, self.task)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 (hexadecimal) of everything that decides an answer, beside the row and the vote."""
        identity = {
            "model": self.llm.model,
            "temperature": self.llm.temperature,
            "extra_body": self.llm.extra_body,
            "constraint": self.form.constraint(),
            "most_tokens": self.most_output_tokens,
            "template": self.prompt.user.text,
            "variables": self._variables,
            # With the words and the fence that the code puts around them.
            "messages": self.messages(_ANY_ROW),
        }
        return _sha256(identity)

    @property
    def most_output_tokens(self) -> int:
        """The most tokens of an answer."""
        stated = self.llm.max_output_tokens
        return self.form.most_tokens(self.task.target_length) if stated is None else stated

    def messages(self, source: str) -> list[Message]:
        """The conversation that ends with a row."""
        return [*self._before, _message("user", self._asked(source))]

    def body(self, source: str) -> dict[str, Any]:
        """A chat completion's request, as it is sent."""
        llm = self.llm
        sampling = {} if llm.temperature is None else {"temperature": llm.temperature}
        return {
            "model": llm.model,
            "messages": self.messages(source),
            llm.output_limit: self.most_output_tokens,
            **sampling,
            **self.form.constraint(),
            **llm.extra_body,
        }

    def keys(self, source: str) -> list[str]:
        """The keys of the answers to a row, one a vote."""
        asked = range(self.form.votes)
        return [_sha256([self.fingerprint, source, vote]) for vote in asked]

    def requests(self, rows: Sequence[Row], count: CountTokens) -> list[Request]:
        """What is to be sent for ``rows``; those with one source are asked about once."""
        made: dict[str, Request] = {}
        for row in rows:
            keys = self.keys(row.source)
            if keys[0] not in made:
                body = self.body(row.source)
                highest = Usage(input=count(body["messages"]), output=self.most_output_tokens)
                made |= {key: Request(key, row.id, body, highest) for key in keys}
        return list(made.values())

    @cached_property
    def _variables(self) -> dict[str, object]:
        """What templates see, beside the row."""
        task, form = self.task, self.form
        return {
            "name": task.name,
            "kind": form.kind,
            "description": task.description.strip(),
            "classes": list(task.classes),
            "class_descriptions": dict(task.class_descriptions),
            "codes": list(form.codes),
            "asked_for": form.asked_for(),
            "shots": [
                {"source": defused(row.source), "answer": form.written(row.target or "")}
                for row in self.shots
            ],
        }

    @cached_property
    def _before(self) -> tuple[Message, ...]:
        """The messages before every row: the same for all, so that endpoints find them in their cache."""
        system = self.prompt.system.rendered(self._variables)
        told = [_message("system", system)] if system.strip() else []
        if not self.prompt.places_shots:
            for row in self.shots:
                told.append(_message("user", self._asked(row.source)))
                told.append(_message("assistant", defused(self.form.written(row.target or ""))))
        return tuple(told)

    def _asked(self, source: str) -> str:
        return self.prompt.user.rendered({**self._variables, "source": defused(source)})

    def __getstate__(self) -> dict[str, Any]:
        """Its fields alone travel; the rest is made again."""
        return {name: vars(self)[name] for name in self.__dataclass_fields__}


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def _sha256(value: object) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
