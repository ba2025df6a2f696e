"""All methods by name: what makes a chooser. Peers whose packages are absent are in `ABSENT`, with the reason.

The proposed method is `OURS`, and its ablations are called after it: "proposed, no law".
"""

from collections.abc import Callable

from raydoa.search.asking import Chooser
from raydoa.search.cost_aware import CostAware
from raydoa.search.surface import Laws

from .problems import FRONTIER
from .simple_peers import CoarseGrid, RandomPlans

OURS = "proposed"

METHODS: dict[str, Callable[[], Chooser]] = {
    OURS: CostAware,
    f"{OURS}, no law": lambda: CostAware(laws=Laws(power=False, onset=False)),
    f"{OURS}, no onset": lambda: CostAware(laws=Laws(onset=False)),
    f"{OURS}, no marginal cost": lambda: CostAware(marginal=False),
    f"{OURS}, no bundles": lambda: CostAware(bundles=False),
    f"{OURS}, no sub-sampled": lambda: CostAware(probes=False),
    f"{OURS}, frontier": lambda: CostAware(frontier=tuple(1 / part for part in FRONTIER)),
    "grid": CoarseGrid,
    "random": RandomPlans,
}

ABSENT: dict[str, str] = {}


def is_ours(name: str) -> bool:
    """Whether a method is the proposed one or uses parts of it."""
    return name.startswith(OURS) or "law" in name


def is_peer(name: str) -> bool:
    """Whether a method stands on its own, without our surface."""
    return not is_ours(name)
