"""Which kind of model a checkpoint is, by its `config.json`, as transformers' own tables have it.

Asked in this order: who reads one text and writes another (`seq2seq`), who was trained to fill gaps (`encoder`), who
continues a text (`causal`). Some are in several tables: BART is a decoder as well, and BERT too. A checkpoint that is an
encoder but was saved without a head for gaps is in the table of classifiers.

The tables are transformers', which is imported when a checkpoint is looked at.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["seq2seq", "encoder", "causal"]


def kind_of(config: Mapping[str, Any]) -> Kind | None:
    """The kind of a checkpoint; None: transformers knows none of these for it."""
    model_type = config.get("model_type")
    if not isinstance(model_type, str):
        return None
    return next((kind for kind, types in _tables() if model_type in types), None)


def is_encoder(config: Mapping[str, Any]) -> bool:
    """Whether it is an encoder."""
    return kind_of(config) == "encoder"


@cache
def _tables() -> tuple[tuple[Kind, frozenset[str]], ...]:
    from transformers.models.auto import modeling_auto as tables

    return (
        ("seq2seq", frozenset(tables.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES)),
        ("encoder", frozenset(tables.MODEL_FOR_MASKED_LM_MAPPING_NAMES)),
        ("causal", frozenset(tables.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)),
        ("encoder", frozenset(tables.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES)),
    )
