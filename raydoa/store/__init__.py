"""Artifacts by content: what one is called (key), what is known of it (record), where it lies."""

from raydoa.store.key import Json, Stage, UnstableValue, canonical_json
from raydoa.store.record import DamagedArtifact, Record
from raydoa.store.store import MissingArtifact, Store

__all__ = [
    "DamagedArtifact",
    "Json",
    "MissingArtifact",
    "Record",
    "Stage",
    "Store",
    "UnstableValue",
    "canonical_json",
]
