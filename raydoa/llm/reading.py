"""What answers mean: a label, perhaps with probabilities, or why it is none. Nothing is trusted, whatever held the endpoint.

A class is read without regard to case and blanks, as the metrics read it, also in quotes, in JSON, in a code fence or
after a model's ``<think>``; its code and its name say the same. Whatever else an answer holds makes it *off the list*:
a class is never searched for in a sentence, which may deny it. Entities must be spans of the row, blanks and case aside;
free text must be there.

Log-probabilities come from the likeliest first tokens: those that are a code's, blanks aside, are added up. Codes that
are not among them share what probability is left, none having more than the least likely token that is told. Of votes,
a class has (its votes + 1 / classes) / (votes + 1).
"""

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from raydoa.llm.answer import Answer
from raydoa.llm.formats import JSON_FIELD, NO_ENTITIES, AnswerForm
from raydoa.tasks.metrics.entities import parse_entities

_LONGEST_SHOWN = 60
_LEAST = 1e-9
"""Probability of a code for which nothing is left: rounded log-probabilities may leave less than nothing."""

_THOUGHT = re.compile(r"\s*<think>.*?</think>", re.DOTALL)
_CODE_FENCE = re.compile(r"\s*```\w*\n?(.*?)\s*```\s*", re.DOTALL)
_BLANKS = " \t\r\n\u2581\u0120"
"""Also as tokenizers write a blank, in endpoints that tell tokens so."""
_AROUND = " \t\r\n\"'`*.()[]"
_ENTITY_END = re.compile(r"\]\s*\Z")


Refusal: TypeAlias = Literal["off_list", "cut_off", "filtered", "failed"]
"""``off_list``: an answer that is no label of the task; the others are states of an answer."""
REFUSALS: tuple[Refusal, ...] = get_args(Refusal)


@dataclass(frozen=True)
class Read:
    """What came of a row.

    Attributes:
        text: its label as the task writes it; None: there is none.
        log_probs: of the classes, in their order; None: the label is hard.
        refused: what kind of answer left it without a label; None: it has one.
        reason: the same for people, in a line.
    """

    text: str | None
    log_probs: tuple[float, ...] | None = None
    refused: Refusal | None = None
    reason: str = ""


def _refused(reason: str, kind: Refusal = "off_list") -> Read:
    return Read(None, refused=kind, reason=reason)


def read(answers: Sequence[Answer], source: str, form: AnswerForm) -> Read:
    """What the answers to a row mean: one, or one a vote."""
    assert answers, "an answer at least, also where asking failed"
    each = [_one(answer, source, form) for answer in answers]
    if form.votes == 1:
        return each[0]
    counted = Counter(one.text for one in each if one.text is not None)
    if not counted:
        return Counter(each).most_common(1)[0][0]
    votes = [counted[name] for name in form.classes]
    everyone, classes = sum(votes), len(form.classes)
    shares = [(mine + 1 / classes) / (everyone + 1) for mine in votes]
    # Of equal votes, the first class of the task.
    winner = form.classes[votes.index(max(votes))]
    return Read(winner, tuple(math.log(share) for share in shares))


def _one(answer: Answer, source: str, form: AnswerForm) -> Read:
    if answer.state != "answered":
        return _refused(answer.reason or answer.state.replace("_", " "), answer.state)
    text = _THOUGHT.sub("", answer.text, count=1).strip()
    if not text:
        return _refused("empty")
    if form.kind == "text":
        return Read(text)
    if form.kind == "entities":
        return _entities(text, source, form.classes)
    return _label(text, answer.top, form)


def _label(text: str, top: Sequence[tuple[str, float]], form: AnswerForm) -> Read:
    place = _class(text, form)
    if place is None:
        return _refused(f"off the list: {_short(text)}")
    log_probs = code_log_probs(top, form.codes) if form.codes else None
    if form.codes and log_probs is None:
        return _refused("no class is among the likeliest first tokens")
    return Read(form.classes[place], log_probs)


def _class(text: str, form: AnswerForm) -> int | None:
    """The class that a text is, as a position; None: it is none."""
    fence = _CODE_FENCE.fullmatch(text)
    said = fence[1] if fence else text
    try:
        value = json.loads(said)
    except (ValueError, RecursionError):
        pass
    else:
        if isinstance(value, dict):
            if list(value) != [JSON_FIELD] or not isinstance(value[JSON_FIELD], str):
                return None
            said = value[JSON_FIELD]
    places: dict[str, int] = {}
    # A name wins over a code that reads like it.
    for names in (form.codes, form.classes):
        places |= {_folded(name): place for place, name in enumerate(names)}
    whole = places.get(_folded(said))
    return places.get(_folded(said.strip(_AROUND))) if whole is None else whole


def _entities(line: str, source: str, types: Sequence[str]) -> Read:
    """The entities of a line; a span that the row does not have is none of its entities."""
    if _folded(line.strip(_AROUND)) == NO_ENTITIES:
        return Read("")
    entities = parse_entities(line, types)
    if not entities:
        return _refused(f"no entities of known types: {_short(line)}")
    if not _ENTITY_END.search(line):
        return _refused(f"text after the last entity: {_short(line.rpartition(']')[2])}")
    row = _bare(source)
    for span, _ in entities:
        if not span or _bare(span) not in row:
            return _refused(f"not in the row: {_short(span)}")
    return Read(" ".join(f"{span} [{kind}]" for span, kind in entities))


def code_log_probs(
    top: Sequence[tuple[str, float]], codes: Sequence[str]
) -> tuple[float, ...] | None:
    """Log-probabilities of one class a code from the likeliest first tokens; None: no token is a code."""
    told = dict.fromkeys(codes, 0.0)
    for token, log_prob in top:
        if (code := token.strip(_BLANKS)) in told:
            told[code] += math.exp(min(log_prob, 0.0))
    missing = [code for code in codes if not told[code]]
    if len(missing) == len(codes):
        return None
    probabilities = [math.exp(min(log_prob, 0.0)) for _, log_prob in top]
    left = max(0.0, 1 - sum(probabilities))
    for code in missing:
        told[code] = max(_LEAST, min(left / len(missing), *probabilities))
    everything = sum(told.values())
    return tuple(math.log(told[code] / everything) for code in codes)


def _folded(text: str) -> str:
    return text.strip().casefold()


def _bare(text: str) -> str:
    """Without blanks and case: models and people set blanks as they like."""
    return "".join(text.split()).casefold()


def _short(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= _LONGEST_SHOWN else f"{line[:_LONGEST_SHOWN]}...")
