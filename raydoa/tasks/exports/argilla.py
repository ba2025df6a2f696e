"""Argilla: records of its versions 1 and 2, with a response for each annotator."""

from collections.abc import Iterator, Mapping
from typing import Any

from raydoa.errors import UserError
from raydoa.tasks.exports.export import Export, Exported, Span, entities_of, one_label

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

    def read(self, values: Mapping[str, Any], column: str, location: str) -> Exported:
        """See `Export.read`."""
        if "fields" in values:
            fields = values["fields"]
            source = fields[column] if column in fields else fields.get("text")
            return Exported(source, tuple(_responses(source, values["responses"], location)))
        source = values.get("text") or (values.get("inputs") or {}).get("text")
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
        questions = {name: given for name, given in responses.items() if given}
        if len(questions) > 1:
            raise UserError(
                f"{location}: responses to {', '.join(map(repr, questions))}; export one question, which is the label"
            )
        values = [one for given in questions.values() for one in given]
    else:
        values = list(responses or ())
    for one in values:
        if one.get("status") in _COUNTS:
            yield _written(source, one.get("value", one), location)


def _written(source: object, value: Any, location: str) -> str:
    if isinstance(value, dict) and "value" in value:
        value = value["value"]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return entities_of(source, map(_span, value), location)
    return one_label(value, location) if isinstance(value, list) else str(value)


def _span(value: Mapping[str, Any]) -> Span:
    return value["start"], value["end"], value["label"]
