"""The search that raydoa proposes: the most expected gain per marginal dollar, and a rule for when to stop.

A `Surface` is fitted to all that is known. Candidates are cheap probes (fewer labels than are owned, small pools) and
plans of the budget, one by one and in bundles on one teacher. Each is worth its expected gain, and costs what it adds
to what is held already. Money that buys less gain in the search than it would buy as a larger budget is better left
unspent: then the recommended plan is made, and if nothing has become worth its price by that, the search stops.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from threadpoolctl import threadpool_limits

from raydoa.errors import UserError
from raydoa.search.acquisition import Gains
from raydoa.search.ask_tell import Choice, Known
from raydoa.search.costs import Costs, Point
from raydoa.search.holdings import Candidate
from raydoa.search.priors import Knowledge
from raydoa.search.shortlist import again, cheapest, hopeful, on_one_teacher, shortlist
from raydoa.search.space import Space
from raydoa.search.surrogate.fits import Fits
from raydoa.search.surrogate.laws import Array, Laws, Prior
from raydoa.search.surrogate.posterior import Effort
from raydoa.search.surrogate.surface import Measured, Surface

_MORE_MONEY = 1.2
# One measurement's gain is a lower bound of what it is worth as the first of several.
_ONE_STEP = 0.5
# A measurement takes some time however cheap it is; in shares of the budget.
_OVERHEAD = 0.005
# A plan that is made may turn out to be none to recommend. This ends with so many that took half the budget or more.
_MOST_MADE = 3


@dataclass(frozen=True)
class CostAware:
    """A `raydoa.search.ask_tell.Sampler`.

    Attributes:
        laws: which laws are in the mean.
        effort: computing of a fit.
        knowledge: finished measurements of the same task, of any budget, and what other tasks have taught.
        frontier: shares of the budget whose plans all count.
        of_computing: whether those are shares of what the most compute costs, which kgCO2e is proportional to.
        marginal: whether a candidate costs what it adds, or what it would from nothing.
        bundles: whether candidates are proposed together.
        probes: whether fewer labels than are owned are used.
        least_gain: gain in score under which nothing is worth measuring.
    """

    laws: Laws = field(default_factory=Laws)
    effort: Effort = field(default_factory=Effort)
    knowledge: Knowledge = field(default_factory=Knowledge)
    frontier: tuple[float, ...] = (1.0,)
    of_computing: bool = False
    marginal: bool = True
    bundles: bool = True
    probes: bool = True
    least_gain: float = 0.0003

    def choose(self, known: Known) -> Choice:
        """See `Sampler.choose`."""
        # Thousands of small matrices: more threads only wait for each other.
        with threadpool_limits(1):
            return self._choice(known)

    def _choice(self, known: Known) -> Choice:
        surface = self.surface(known)
        gains, bundles = self._candidates(surface, known)
        best, rate, gain = self._best(gains, bundles, known)
        if best and gain > self.least_gain and rate > self._of_more_money(surface, known.space):
            return Choice(best, _promise(gain))
        if known.pending:
            return Choice()  # What is on its way may change this.
        why = _why(gain, bool(best))
        plan = Candidate(surface.best_of(known.space.plans()))
        not_made = _why_not_made(plan, known)
        if not_made is None:
            return Choice((plan,), "makes the recommended plan")
        return Choice(stop=True, why=why + not_made)

    def recommend(self, known: Known) -> Point:
        """See `Sampler.recommend`."""
        return self.surface(known).best_of(known.space.plans())

    def predict(self, known: Known, points: Sequence[Point]) -> tuple[Array, Array]:
        """Expected scores of single trainings at ``points``, and their standard deviations, luck included."""
        surface = self.surface(known)
        mean, sd = surface.mean_and_sd(points)
        luck = (
            surface.noise_variance
            + np.array([bool(p.teacher) for p in points]) * surface.teacher_variance
        )
        return mean, np.sqrt(sd**2 + luck)

    def surface(self, known: Known) -> Surface:
        """The fit to all that is known."""
        told = tuple(
            Measured(o.candidate.point, o.score, o.candidate.artifact)
            for o in known.observations
            if o.score is not None
        )
        first, prior = self.knowledge.measured, self.knowledge.prior
        costs = known.space.costs
        with threadpool_limits(1):
            fits = _fits(len(first), costs, self.laws, self.effort, known.seed, prior)
            return fits.to((*first, *told))

    def _candidates(
        self, surface: Surface, known: Known
    ) -> tuple[Gains, list[tuple[Candidate, ...]]]:
        """Gains over the shortlists of plans, and the bundles to choose among."""
        space = known.space
        levels = [self._plans(space, share) for share in self.frontier]
        shortlists = tuple(shortlist(surface, plans) for plans in levels if plans)
        probes = space.probes(space.budget_usd)
        if not self.probes:
            probes = [point for point in probes if point.labels >= space.costs.owned]
        points = dict.fromkeys([*probes, *shortlists[-1], *cheapest(space)])
        new = [c for c in map(Candidate, points) if c not in known.tried]
        new += again(known, hopeful(surface, space.plans()))
        bundles: list[tuple[Candidate, ...]] = [(candidate,) for candidate in new]
        if self.bundles:
            bundles += list(on_one_teacher(new))
        teachers: dict[tuple[object, ...], int] = {}
        for observation in known.observations:
            artifact = observation.candidate.artifact
            if artifact is not None and observation.score is not None:
                teachers[artifact] = teachers.get(artifact, 0) + 1
        points_of = tuple(dict.fromkeys(candidate.point for candidate in new))
        gains = Gains(surface, shortlists, points_of, teachers, known.pending)
        return gains, [bundle for bundle in bundles if known.affordable(bundle)]

    def _plans(self, space: Space, share: float) -> list[Point]:
        """The plans of a level of the frontier; a small one may pay for none."""
        if not self.of_computing:
            try:
                return space.plans(share * space.budget_usd)
            except UserError:
                return []
        computing = {point: space.costs.items(point).compute for point in space.plans()}
        most = share * max(computing.values())
        return [point for point, usd in computing.items() if usd <= most]

    def _best(
        self, gains: Gains, bundles: Sequence[tuple[Candidate, ...]], known: Known
    ) -> tuple[tuple[Candidate, ...], float, float]:
        """The bundle with the most gain per dollar, that rate and its gain."""
        best: tuple[tuple[Candidate, ...], float, float] = ((), 0.0, 0.0)
        overhead = _OVERHEAD * known.space.budget_usd
        for bundle, gain in zip(bundles, gains.of(bundles).tolist(), strict=True):
            if gain <= self.least_gain:
                continue
            rate = gain / (self._usd(bundle, known) + overhead * len(bundle))
            if rate > best[1]:
                best = (bundle, rate, gain)
        return best

    def _usd(self, bundle: tuple[Candidate, ...], known: Known) -> float:
        if self.marginal:
            return known.holdings.together(bundle)
        return sum(known.space.costs.items(candidate.point).total for candidate in bundle)

    def _of_more_money(self, surface: Surface, space: Space) -> float:
        """Score per dollar that a larger budget would bring."""
        now = surface.mean_and_sd(space.plans())[0].max()
        more = surface.mean_and_sd(space.plans(_MORE_MONEY * space.budget_usd))[0].max()
        return _ONE_STEP * float(max(0.0, more - now) / ((_MORE_MONEY - 1) * space.budget_usd))


@lru_cache(maxsize=4)
def _fits(first: int, costs: Costs, laws: Laws, effort: Effort, seed: int, prior: Prior) -> Fits:
    """Those of a search; of a few searches, since a chooser keeps nothing itself."""

    def fit(told: tuple[Measured, ...], before: Surface | None) -> Surface:
        return Surface(told, costs, laws, effort, seed + len(told), prior, before)

    return Fits(first, fit)


def _promise(gain: float) -> str:
    """Why it is measured. Before anything is known the laws have no bounds, and a score has."""
    if gain > 1:
        return "hardly anything is known of this task yet"
    return f"expected to gain {100 * gain:.2f} points"


def _why_not_made(plan: Candidate, known: Known) -> str | None:
    """Why the recommended plan is not made before the search stops; None if it should be, and "" if it was."""
    made = [o for o in known.observations if o.score is not None]
    if any(o.candidate.point == plan.point for o in made):
        return ""
    dear = sum(o.cost_usd > 0.5 * known.space.budget_usd for o in made)
    if plan in known.tried:
        why = "it failed"
    elif dear >= _MOST_MADE:
        why = f"{dear} plans as dear were"
    elif not known.affordable([plan]):
        why = f"${known.left_usd:,.2f} do not pay for it"
    else:
        return None
    return f"; the recommended plan was not made: {why}"


def _why(gain: float, any_left: bool) -> str:
    if not any_left:
        return "no measurement is expected to gain anything that it costs"
    return (
        f"the best measurement is expected to gain {100 * gain:.2f} points, less than its dollars would "
        "as a larger budget"
    )
