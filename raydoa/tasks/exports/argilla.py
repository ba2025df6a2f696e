"""Argilla: records of version 2 (nested or flat), feedback and classic records of version 1, with a response of each annotator.

Only flat records and feedback say which responses are drafts or discarded; the JSON of version 2 leaves that out.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from raydoa.errors import UserError
from raydoa.tasks.exports.export import Export, Exported, Span, entities_of, of_labels, text_in
from raydoa.tasks.task import Columns

_COUNTS = ("submitted", None)
"""Status of responses: drafts and discarded ones say nothing."""
_FLAT = ".responses"
_DOUBT = (
    "records do not say which responses are drafts or discarded, so all count; Argilla writes that in flat records: export "
    "records.to_list(flatten=True), or to_datasets()"
)
_Response = tuple[str, Any, str | None]
"""Question, value and status."""


class Argilla(Export):
    """A record with fields and responses, or of version 1 with an annotation."""

    name = "Argilla"

    def knows(self, values: Mapping[str, Any]) -> bool:
        """See `Export.knows`."""
        if isinstance(values.get("fields"), dict) and "responses" in values:
            return True
        return {"annotation", "prediction", "status"} <= values.keys() or bool(_questions(values))

    def read(self, values: Mapping[str, Any], columns: Columns, location: str) -> Exported:
        """See `Export.read`."""
        if "fields" in values:
            source = text_in(values["fields"], columns, location)
            return _answered(source, list(_responses(values["responses"])), location)
        if questions := _questions(values):
            texts = {name: value for name, value in values.items() if "." not in name and name not in _OF_FLAT}  # fmt: skip
            source = text_in(texts, columns, location)
            return _answered(source, list(_flat_responses(values, questions)), location)
        source = values.get("text") or (values.get("inputs") or {}).get("text")
        if values["status"] == "Discarded":
            return Exported(source, left_out="status 'Discarded'")
        said = values["annotation"]
        return Exported(source, () if not said else (_of_version_1(source, said, location),))


_OF_FLAT = {"id", "status", "_server_id"}


def _of_version_1(source: object, said: Any, location: str) -> object:
    if not isinstance(said, list):
        return str(said)
    if isinstance(said[0], list):
        return entities_of(source, [(start, end, kind) for kind, start, end in said], location)
    return of_labels(said)


def _questions(values: Mapping[str, Any]) -> list[str]:
    """Of a flat record: each has columns of values, of users and of status."""
    names = [name.removesuffix(_FLAT) for name in values if name.endswith(_FLAT)]
    return [
        name for name in names
        if f"{name}{_FLAT}.status" in values and isinstance(values[f"{name}{_FLAT}"], list | None)
    ]  # fmt: skip


def _responses(responses: Any) -> Iterator[_Response]:
    """Of a nested record: by question, or by annotator."""
    if isinstance(responses, dict):
        for question, ones in responses.items():
            yield from ((question, one.get("value"), one.get("status")) for one in ones or ())
        return
    for one in responses or ():
        for question, value in (one.get("values") or {}).items():
            yield question, value.get("value"), one.get("status")


def _flat_responses(values: Mapping[str, Any], questions: Sequence[str]) -> Iterator[_Response]:
    for question in questions:
        said = values[f"{question}{_FLAT}"] or ()
        of_status = values[f"{question}{_FLAT}.status"] or ()
        yield from ((question, *one) for one in zip_longest(said, of_status))


def _answered(source: object, responses: Sequence[_Response], location: str) -> Exported:
    """What was answered to the one question that has answers."""
    counted = [one for one in responses if one[2] in _COUNTS]
    questions = dict.fromkeys(question for question, _, _ in counted)
    if len(questions) > 1:
        raise UserError(
            f"{location}: responses to {', '.join(map(repr, questions))}; export one question, which is the label"
        )
    values = [value for _, value, _ in counted if value is not None]
    said = tuple(_written(source, value, location) for value in values if value != [])
    unknown = any(status is None for _, _, status in responses)
    return Exported(source, said, nothing=[] in values, doubt=_DOUBT if unknown else "")


def _written(source: object, value: Any, location: str) -> object:
    if isinstance(value, list) and isinstance(value[0], dict):
        return entities_of(source, map(_span, value), location)
    if isinstance(value, list):
        return of_labels(value)
    if isinstance(value, dict):
        raise UserError(
            f"{location}: found the response {value!r}; a label is text, a list or spans"
        )
    return str(value)


def _span(value: Mapping[str, Any]) -> Span:
    return value["start"], value["end"], value["label"]
