"""A record, and where it stands."""

from collections.abc import Mapping
from typing import Any, TypeAlias

LocatedRecord: TypeAlias = tuple[str, Mapping[str, Any]]
"""Where it stands (``file:line``), and its columns as the file has them."""
