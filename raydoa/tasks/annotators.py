"""What someone who labels rows of the paper's tasks is told: what is wanted, and what each class means.

These are our own words, after the papers that the data come from; an LLM gets them in its prompt.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Told:
    """A task's description, and those of its classes by name."""

    description: str
    classes: Mapping[str, str] = field(default_factory=dict)


TOLD: Mapping[str, Told] = {
    "wlp": Told(
        "A text is a sentence of a laboratory protocol. Find its entities: each action, and what is used, "
        "how much, where, when and how.",
        {
            "Amount": "an absolute quantity, with its unit",
            "Reagent": "a substance, solution, sample or kit that is used or produced",
            "Device": "an instrument or tool",
            "Time": "a duration or a point in time",
            "Speed": "how fast, as of a centrifuge",
            "Action": "a verb that says what is done",
            "Mention": "a word that refers to something named before, such as 'it'",
            "Location": "a container or place in which something is",
            "Numerical": "a number without a unit",
            "Method": "a named procedure",
            "Temperature": "a temperature",
            "Modifier": "a word that qualifies another entity",
            "Concentration": "a share or a concentration",
            "Size": "a length, width or other extent",
            "Generic-Measure": "a measure of no other type",
            "Seal": "what closes a container",
            "Measure-Type": "the name of what is measured, such as 'volume'",
            "Misc": "another entity that matters to the step",
            "pH": "a pH value",
            "Unit": "a unit without a number",
        },
    ),
    "stanceosaurus": Told(
        "A text gives a claim and a tweet. Decide which stance the tweet takes towards the claim.",
        {
            "Irrelevant": "the tweet is not about the claim",
            "Supporting": "the tweet says or implies that the claim is true",
            "Refuting": "the tweet says or implies that the claim is false",
            "Discussing": "the tweet is about the claim and takes no side",
            "Querying": "the tweet asks whether the claim is true",
        },
    ),
    "fever": Told(
        "A text is a claim about the world. Decide from what is known whether it is true.",
        {"REFUTES": "the claim is false", "SUPPORTS": "the claim is true"},
    ),
    "multipit_id": Told(
        "A text gives two sentences from tweets. Decide whether they are paraphrases of each other.",
        {
            "NO": "they differ in meaning, or one says something that matters and the other does not",
            "YES": "they say the same in other words",
        },
    ),
    "multipit_gen": Told(
        "A text is a sentence from a tweet. Paraphrase it: keep its meaning, and change its words and order."
    ),
    "nq": Told("A text is a question. Answer it from what is known, in as few words as possible."),
}
