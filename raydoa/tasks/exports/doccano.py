"""doccano: text classification and sequence labelling, in the forms of its versions."""

from collections.abc import Mapping
from typing import Any

from raydoa.errors import UserError
from raydoa.tasks.exports.export import Export, Exported, entities_of, of_labels
from raydoa.tasks.task import Columns

_OLD = "annotations"
_DOUBT = (
    "records have no entity marked, and are taken for texts without any; doccano does not say whether somebody has looked at "
    "them: export approved documents only, if some are still to do"
)


class Doccano(Export):
    """A text with a list of labels, of spans, or of entities."""

    name = "doccano"
    own = frozenset({"text", "data", "label", "labels", "entities"})

    def knows(self, values: Mapping[str, Any]) -> bool:
        """See `Export.knows`."""
        if "id" not in values or not {"text", "data"} & values.keys():
            return False
        if any(isinstance(values.get(name), list) for name in ("entities", "label", "labels")):
            return True
        return _OLD in values and not {"label", "labels"} & values.keys()

    def read(self, values: Mapping[str, Any], columns: Columns, location: str) -> Exported:
        """See `Export.read`."""
        source = values.get("text", values.get("data"))
        if _OLD in values and not {"entities", "label", "labels"} & values.keys():
            raise UserError(
                f"{location}: found {_OLD!r}, where doccano's older versions write labels as numbers of their own; export "
                '"JSONL (text label)"'
            )
        if "entities" in values:
            spans = [
                (one["start_offset"], one["end_offset"], one["label"]) for one in values["entities"]
            ]
        else:
            labels = values.get("label", values.get("labels"))
            assert isinstance(labels, list), "as it was known by"
            if labels and not isinstance(labels[0], list):
                return Exported(source, (of_labels(labels),))
            spans = [(start, end, kind) for start, end, kind in labels]
        if not spans:
            return Exported(source, nothing=True, doubt=_DOUBT)
        return Exported(source, (entities_of(source, spans, location),))
