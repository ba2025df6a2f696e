"""The form of an answer: how the prompt asks for it, how an endpoint is held to it, and how a target is written in it.

| kind of task | an answer |
|---|---|
| classes | the class, or its code where the endpoint tells `top_logprobs` |
| entities | ``Add [Action] buffer [Reagent]``, or ``none`` |
| text | the target itself |

Soft labels come from the likeliest *first* tokens of an answer, so each class has a code of one token (A, B, ...) there,
and the code must come first: a JSON schema would put ``{`` before it, and is left out then. `structured_outputs` and
`grammar` begin with the code and stay. A class as JSON holds nothing but the class. Free text and entities are never
asked for as JSON: small models escape badly, and an escaped span is no longer that of the row.
"""

import json
import string
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from raydoa.llm.spec import AnswerFormat, LlmSpec
from raydoa.tasks.task import CLOSED_METRICS, TaskSpec

Kind: TypeAlias = Literal["classes", "entities", "text"]

CODES = string.ascii_uppercase
NO_ENTITIES = "none"
JSON_FIELD = "label"

_MOST_CODE_TOKENS = 8
"""A code is one token; some models end with another, or begin with a blank. At 1, endpoints call an answer cut off."""
_SLACK = 8
_LONGEST_SPAN = 128
"""Characters of an entity that a grammar lets through; the longest of WLP's training rows has 119."""


def kind_of(task: TaskSpec) -> Kind:
    """What an answer to a row of a task is."""
    if task.metric in CLOSED_METRICS:
        return "classes"
    return "entities" if task.metric == "entity_f1" and task.classes else "text"


@dataclass(frozen=True)
class AnswerForm:
    """How the answers to one task look at one endpoint.

    Attributes:
        kind: of the task.
        classes: of the task: classes, or types of entities.
        codes: one a class; empty: classes are written as they are.
        held_by: what holds the endpoint to it.
        top: how many of the likeliest first tokens are asked for.
        votes: how many answers a row gets.
        hard_because: why labels are hard though the spec asks for soft ones; empty: they are as it asks.
    """

    kind: Kind
    classes: tuple[str, ...]
    codes: tuple[str, ...]
    held_by: AnswerFormat
    top: int
    votes: int
    hard_because: str = ""

    @classmethod
    def of(cls, llm: LlmSpec, task: TaskSpec) -> "AnswerForm":
        """The form that the answers of an LLM to a task have."""
        kind, held_by = kind_of(task), llm.answers
        why = _why_hard(llm, task, kind)
        soft = bool(llm.top_logprobs) and not why
        if kind != "classes" and not (kind == "entities" and held_by == "grammar"):
            held_by = "free"
        if soft and held_by == "json_schema":
            held_by = "free"
        return cls(
            kind,
            task.classes,
            codes=tuple(CODES[: len(task.classes)]) if soft else (),
            held_by=held_by,
            top=llm.top_logprobs if soft else 0,
            votes=1 if why else llm.votes,
            hard_because=why,
        )

    @property
    def alternatives(self) -> tuple[str, ...]:
        """The answers that there are to a task with classes, in the order of those."""
        return self.codes or self.classes

    def written(self, target: str) -> str:
        """A target as the LLM should write it."""
        if self.kind == "text":
            return target.strip()
        if self.kind == "entities":
            return target.strip() or NO_ENTITIES
        folded = target.strip().casefold()
        place = [name.strip().casefold() for name in self.classes].index(folded)
        answer = self.alternatives[place]
        return _as_json(answer) if self.held_by == "json_schema" else answer

    def asked_for(self) -> str:
        """How the prompt says what an answer is."""
        if self.kind == "text":
            return "Answer with what is asked for and nothing else: no introduction, no explanation, no quotes."
        if self.kind == "entities":
            return (
                "Answer with the entities in the order of the text: each copied exactly from it and followed by its type "
                f"in square brackets, all on one line, as in: first words [{self.classes[0]}] other words "
                f"[{self.classes[-1]}]. If there are none, answer {NO_ENTITIES}."
            )
        if self.held_by == "json_schema":
            example = json.dumps({JSON_FIELD: "..."})
            return f"Answer with a JSON object that holds the name of the class and nothing else: {example}"
        if self.codes:
            return "Answer with the letter of the class and nothing else."
        return "Answer with the name of the class, as it is written above, and nothing else."

    def constraint(self) -> dict[str, Any]:
        """What a request's body says of it."""
        told: dict[str, Any] = {"logprobs": True, "top_logprobs": self.top} if self.top else {}
        if self.held_by == "json_schema":
            told["response_format"] = _schema(self.alternatives)
        elif self.held_by == "structured_outputs":
            told["structured_outputs"] = {"choice": list(self.alternatives)}
        elif self.held_by == "grammar":
            told["grammar"] = (
                _entities_grammar(self.classes)
                if self.kind == "entities"
                else f"root ::= {_either(self.alternatives)}"
            )
        return told

    def most_tokens(self, target_length: int) -> int:
        """Tokens that an answer needs at most, without thinking: of text, an estimate from the task's own length."""
        if self.kind != "classes":
            return 2 * target_length + _SLACK
        if self.codes:
            return _MOST_CODE_TOKENS
        # A token has a byte at least.
        return max(len(self.written(name).encode()) for name in self.classes) + _SLACK


def _why_hard(llm: LlmSpec, task: TaskSpec, kind: Kind) -> str:
    """Why the labels of a task cannot be soft though they are asked to be, or an empty line."""
    if not llm.top_logprobs and llm.votes == 1:
        return ""
    if kind != "classes":
        return f"answers to {task.name} are text, which has no distribution over classes"
    if llm.top_logprobs and len(task.classes) > len(CODES):
        return (
            f"{task.name} has {len(task.classes)} classes, and codes of one token are there for {len(CODES)}; "
            "votes give soft labels for more"
        )
    return ""


def _as_json(answer: str) -> str:
    return json.dumps({JSON_FIELD: answer}, ensure_ascii=False)


def _schema(answers: tuple[str, ...]) -> dict[str, Any]:
    """OpenAI's strict form: all fields required, no others."""
    schema = {
        "type": "object",
        "properties": {JSON_FIELD: {"type": "string", "enum": list(answers)}},
        "required": [JSON_FIELD],
        "additionalProperties": False,
    }
    return {
        "type": "json_schema",
        "json_schema": {"name": JSON_FIELD, "strict": True, "schema": schema},
    }


def _entities_grammar(types: tuple[str, ...]) -> str:
    # Without an end to a span, a model that never writes a bracket goes on until it is cut off.
    return (
        f'root ::= "{NO_ENTITIES}" | entity (" " entity)*\n'
        f'entity ::= [^ \\[\\]\\n] [^\\[\\]\\n]{{0,{_LONGEST_SPAN - 1}}} " [" type "]"\n'
        f"type ::= {_either(types)}"
    )


def _either(texts: tuple[str, ...]) -> str:
    """Alternatives in GBNF, llama.cpp's grammar notation, whose strings have the escapes of JSON's."""
    return " | ".join(json.dumps(text, ensure_ascii=False) for text in texts)
