"""Argilla: records of version 2, feedback and classic records of version 1, with a response for each annotator."""

from collections.abc import Iterator, Mapping
from typing import Any

from raydoa.errors import UserError
from raydoa.tasks.exports.export import Export, Exported, Span, entities_of, one_label, text_in
from raydoa.tasks.task import Columns

_COUNTS = ("submitted", None)
"""Status of responses: drafts and discarded ones say nothing."""


class Argilla(Export):
    """A record with fields and responses, or of version 1 with an annotation."""

    name = "Argilla"

    def knows(self, values: Mapping[str, Any]) -> bool:
        """See `Export.knows`."""
        if isinstance(values.get("fields"), dict) and "responses" in values:
            return True
        return {"annotation", "prediction", "status"} <= values.keys()

    def read(self, values: Mapping[str, Any], columns: Columns, location: str) -> Exported:
        """See `Export.read`."""
        if "fields" in values:
            source = text_in(values["fields"], columns, location)
            said = tuple(_responses(source, values["responses"], location))
            return Exported(source, said)
        source = values.get("text") or (values.get("inputs") or {}).get("text")
        if values["status"] == "Discarded":
            return Exported(source, left_out="status 'Discarded'")
        said = values["annotation"]
        return Exported(source, () if not said else (_of_version_1(source, said, location),))


def _of_version_1(source: object, said: Any, location: str) -> str:
    if not isinstance(said, list):
        return str(said)
    if isinstance(said[0], list):
        return entities_of(source, [(start, end, kind) for kind, start, end in said], location)
    return one_label(said, location)


def _responses(source: object, responses: Any, location: str) -> Iterator[str]:
    """Each annotator's answer to the one question that has answers."""
    if isinstance(responses, dict):
        given = [(question, one) for question, ones in responses.items() for one in ones or ()]
    else:
        given = [
            (question, {**value, "status": one.get("status")})
            for one in responses or ()
            for question, value in (one.get("values") or {}).items()
        ]
    counted = [(question, one) for question, one in given if one.get("status") in _COUNTS]
    questions = dict.fromkeys(question for question, _ in counted)
    if len(questions) > 1:
        raise UserError(
            f"{location}: responses to {', '.join(map(repr, questions))}; export one question, which is the label"
        )
    for _, one in counted:
        if one.get("value") is not None:
            yield _written(source, one["value"], location)


def _written(source: object, value: Any, location: str) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return entities_of(source, map(_span, value), location)
    if isinstance(value, list):
        return one_label(value, location)
    if isinstance(value, dict):
        raise UserError(
            f"{location}: found the response {value!r}; a label is text, a list or spans"
        )
    return str(value)


def _span(value: Mapping[str, Any]) -> Span:
    return value["start"], value["end"], value["label"]
