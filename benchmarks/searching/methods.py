"""All methods by name: what makes a sampler. Peers whose packages are absent are in `ABSENT`, with the reason.

The proposed method is `OURS`, and its variants are called after it. A peer's trials with our law as recommender are no
peer: they use our surface.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from raydoa.costs.plan import Plan
from raydoa.search.cost_aware import CostAware
from raydoa.search.optuna_samplers import OptunaSampler
from raydoa.search.sampler import Sampler, SearchState, Suggestion

from .problems import FRONTIER
from .simple_peers import ExpensiveFirst, RandomPlans

OURS = "proposed"
_WITH_LAW = ", law recommends"


@dataclass(frozen=True)
class Recommended:
    """The trials of one sampler with the recommendations of another."""

    trials: Sampler
    recommender: Sampler

    def suggest(self, state: SearchState) -> Suggestion:
        """By the one."""
        return self.trials.suggest(state)

    def recommend(self, state: SearchState) -> Plan:
        """By the other."""
        return self.recommender.recommend(state)


METHODS: dict[str, Callable[[], Sampler]] = {
    OURS: CostAware,
    f"{OURS}, frontier": lambda: CostAware(frontier=tuple(1 / part for part in FRONTIER)),
    "grid": ExpensiveFirst,
    "random": RandomPlans,
    "Optuna TPE": lambda: OptunaSampler("tpe"),
    f"Optuna TPE{_WITH_LAW}": lambda: Recommended(OptunaSampler("tpe"), CostAware()),
}

ABSENT: dict[str, str] = {}

if find_spec("torch") is None:  # Optuna's GP sampler imports it late.
    ABSENT["Optuna GP"] = "No module named 'torch'"
else:
    METHODS["Optuna GP"] = lambda: OptunaSampler("gp")

try:
    from .gp_peers import GpPeer, KnowledgeGradient
except ImportError as missing:
    ABSENT["LogEI, EI per marginal dollar, EEIPU, knowledge gradient"] = str(missing)
else:
    METHODS |= {
        "BoTorch LogEI": GpPeer,
        "EI per marginal dollar": lambda: GpPeer("marginal"),
        "EEIPU": lambda: GpPeer("cooled"),
        "multi-fidelity KG": KnowledgeGradient,
    }

try:
    from .flaml_peers import FlamlPeer
except ImportError as missing:
    ABSENT["CFO, BlendSearch"] = str(missing)
else:
    METHODS |= {"CFO": FlamlPeer, "BlendSearch": lambda: FlamlPeer("BlendSearch")}


def is_ours(name: str) -> bool:
    """Whether a method is the proposed one, or uses a part of it."""
    return name.startswith(OURS) or name.endswith(_WITH_LAW)


def is_peer(name: str) -> bool:
    """Whether a method stands on its own."""
    return not is_ours(name)
