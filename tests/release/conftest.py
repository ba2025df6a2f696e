"""What tests of whole runs share with those of `tests/ray`."""

from tests.ray.conftest import _own_place, tiny, two_cpus

__all__ = ["_own_place", "tiny", "two_cpus"]
