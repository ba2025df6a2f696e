"""A task, an LLM and answers, for tests of what is asked and read."""

from raydoa.llm.answer import Answer, State
from raydoa.llm.inquiry import Inquiry
from raydoa.llm.spec import LlmSpec
from raydoa.llm.tokens import Usage
from raydoa.tasks.data import Row
from raydoa.tasks.task import TaskSpec

SHOTS = (Row("train-0", "the sky is green", "REFUTES"), Row("train-1", "water is wet", "SUPPORTS"))


def llm(**changes: object) -> LlmSpec:
    fields = {"name": "small", "model": "m", "base_url": "http://127.0.0.1:1/v1", **changes}
    return LlmSpec.model_validate(fields)


def closed(*classes: str, **changes: object) -> TaskSpec:
    return _task(
        name="claims",
        metric="accuracy",
        classes=classes or ("REFUTES", "SUPPORTS"),
        description="Decide whether a claim is true.",
        **changes,
    )


def tagging(**changes: object) -> TaskSpec:
    return _task(name="lab", metric="entity_f1", classes=("Action", "Reagent"), **changes)


def writing(**changes: object) -> TaskSpec:
    return _task(name="questions", metric="squad_f1", **changes)


def _task(**fields: object) -> TaskSpec:
    lengths = {"prefix": "", "source_length": 64, "target_length": 32}
    return TaskSpec.model_validate({**lengths, **fields})


def inquiry(
    task: TaskSpec | None = None, shots: tuple[Row, ...] = SHOTS, **of_llm: object
) -> Inquiry:
    return Inquiry.of(llm(**of_llm), task or closed(), shots)


def answer(
    text: str, *top: tuple[str, float], state: State = "answered", reason: str = ""
) -> Answer:
    return Answer("key", "pool-0", state, text, reason, top, Usage(10, 0, 1), 5, 0.0)
