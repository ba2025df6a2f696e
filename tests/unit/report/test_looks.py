"""How curves look on the page."""

from raydoa.report.looks import MARKERS
from raydoa.report.page import looks
from raydoa.strategies import STRATEGIES


def test_paths_of_markers_are_those_of_matplotlib() -> None:
    """Written down, so that a page needs no matplotlib; a marker of a plugin's is traced."""
    ours = {*MARKERS, *(strategy.marker for strategy in STRATEGIES)}
    assert ours <= looks._PATHS.keys() and "d" not in looks._PATHS
    for marker in (*looks._PATHS, "d"):
        assert looks.marker_path(marker) == looks._traced(marker)
