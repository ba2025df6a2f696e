"""The search that raydoa proposes: the most expected gain per marginal dollar, and a rule for when to stop.

A `Surface` is fitted to all that is known. Candidates are cheap probes (fewer labels than are owned, small pools) and
plans of the budget. Each is worth its expected gain, and costs what it adds to what exists already. Money that buys less
gain in the search than it would buy as a larger budget is better left unspent: then the recommended plan is made, and if
nothing has become worth its price by that, the search stops.
"""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import lru_cache

from threadpoolctl import threadpool_limits

from raydoa.costs.items.teacher import teacher_of
from raydoa.costs.plan import Plan
from raydoa.costs.question import Question
from raydoa.costs.tariffs import MICRO
from raydoa.search.acquisition import Gains
from raydoa.search.objective import Objective
from raydoa.search.priors import Knowledge
from raydoa.search.sampler import SearchState, Suggestion
from raydoa.search.shortlist import cheapest, hopeful, repeats, shortlist
from raydoa.search.space import Space
from raydoa.search.surrogate.fits import Fits
from raydoa.search.surrogate.laws import Prior
from raydoa.search.surrogate.posterior import Effort
from raydoa.search.surrogate.surface import Measured, Surface

_MORE_MONEY = 1.2
# One measurement's gain is a lower bound of what it is worth as the first of several.
_ONE_STEP = 0.5
# A measurement takes some time however cheap it is; in shares of the budget.
_OVERHEAD = 0.005
# A plan that is made may turn out to be none to recommend. This ends with so many that took half the budget or more.
_MOST_MADE = 3
# In score: under it nothing is worth measuring.
_LEAST_GAIN = 0.0003


@dataclass(frozen=True)
class CostAware:
    """A `raydoa.search.sampler.Sampler`.

    Attributes:
        effort: computing of a fit.
        knowledge: finished measurements of the same task, of any budget, and what other tasks have taught.
        frontier: the shares of `Space.level` whose plans all count.
        objective: what they are shares of.
    """

    effort: Effort = field(default_factory=Effort)
    knowledge: Knowledge = field(default_factory=Knowledge)
    frontier: tuple[float, ...] = (1.0,)
    objective: Objective = "score"

    def suggest(self, state: SearchState) -> Suggestion:
        """See `Sampler.suggest`."""
        # Thousands of small matrices: more threads only wait for each other.
        with threadpool_limits(1):
            return self._suggestion(state)

    def _suggestion(self, state: SearchState) -> Suggestion:
        surface, space = self.surface(state), state.space
        best, rate, gain = self._best(self._gains(surface, state), state)
        if best is not None and rate > _rate_of_more_money(surface, space):
            return Suggestion(best, _promise(gain, self.knows(state)))
        if state.pending:
            return Suggestion()  # What is on its way may change this.
        plan = surface.best_of(space.plans())
        not_made = _why_not_made(plan, state)
        if not_made is None:
            return Suggestion(plan, "makes the recommended plan")
        return Suggestion(why=_why_stop(gain, self.knows(state)) + not_made, stop=True)

    def recommend(self, state: SearchState) -> Plan:
        """See `Sampler.recommend`."""
        return self.surface(state).best_of(state.space.plans())

    def knows(self, state: SearchState) -> bool:
        """Whether anything is known of the task's scores."""
        measured = any(o.score is not None for o in state.observations)
        return measured or bool(self.knowledge.measured) or self.knowledge.predicts

    def surface(self, state: SearchState) -> Surface:
        """The fit to all that is known."""
        observed = tuple(
            Measured(o.plan, o.score, teacher_of(o.plan))
            for o in state.observations
            if o.score is not None
        )
        first, prior = self.knowledge.measured, self.knowledge.prior
        with threadpool_limits(1):
            fits = _fits(len(first), _asked(state.space.question), self.effort, state.seed, prior)
            return fits.to((*first, *observed))

    def _gains(self, surface: Surface, state: SearchState) -> Gains:
        """Gains over the shortlists of plans."""
        space = state.space
        levels = [space.level(share, self.objective) for share in self.frontier]
        shortlists = tuple(shortlist(surface, plans) for plans in levels if plans)
        probes = space.probes(space.budget_usd)
        plans = dict.fromkeys([*probes, *shortlists[-1], *cheapest(space)])
        tried = state.tried
        candidates = [
            plan for plan in plans if plan not in tried and not space.awaited_labels(plan)
        ]
        candidates += repeats(state, hopeful(surface, space.plans()))
        measured_teachers: Counter[Hashable] = Counter(
            teacher_of(o.plan) for o in state.observations if o.score is not None
        )
        return Gains(surface, shortlists, tuple(candidates), measured_teachers, state.pending)

    def _best(self, gains: Gains, state: SearchState) -> tuple[Plan | None, float, float]:
        """The candidate with the most gain per dollar, that rate and its gain; none without any to speak of."""
        best: tuple[Plan | None, float, float] = (None, 0.0, 0.0)
        # Where the budget is 0 all of them are free, and the best gain has the best rate.
        overhead = _OVERHEAD * (state.space.budget_usd or 1.0)
        costs = {plan: state.marginal_micro_usd(plan) for plan in gains.candidates}
        payable = [plan for plan, cost in costs.items() if cost <= state.left_micro_usd]
        for plan, gain in zip(payable, gains.of(payable).tolist(), strict=True):
            rate = gain / (costs[plan] / MICRO + overhead)
            if gain > _LEAST_GAIN and rate > best[1]:
                best = (plan, rate, gain)
        return best


def _rate_of_more_money(surface: Surface, space: Space) -> float:
    """Score per dollar that a larger budget would bring."""
    if not space.budget_usd:
        return 0.0  # There is no share of it to add.
    now = surface.mean_and_sd(space.plans())[0].max()
    more = surface.mean_and_sd(space.plans(_MORE_MONEY * space.budget_usd))[0].max()
    return _ONE_STEP * float(max(0.0, more - now) / ((_MORE_MONEY - 1) * space.budget_usd))


@dataclass(frozen=True)
class _Asked:
    """A question, known by what a fit sees of it: a search that is opened again has its fits already."""

    question: Question = field(compare=False)
    seen: Hashable


def _asked(question: Question) -> _Asked:
    return _Asked(question, (question.plan(), question.recipes, *sorted(question.sizes.items())))


@lru_cache(maxsize=4)
def _fits(first: int, asked: _Asked, effort: Effort, seed: int, prior: Prior) -> Fits:
    """Those of a search; of a few searches, since a sampler keeps nothing itself."""

    def fit(measured: tuple[Measured, ...], before: Surface | None) -> Surface:
        return Surface(measured, asked.question, effort, seed + len(measured), prior, before)

    return Fits(first, fit)


def _promise(gain: float, knows: bool) -> str:
    """Why it is measured. Before much is known the laws have no bounds, and a score has."""
    if not knows or gain > 1:
        return "hardly anything is known of this task yet"
    return f"expected to gain {100 * gain:.2f} points"


def _why_not_made(plan: Plan, state: SearchState) -> str | None:
    """Why the recommended plan is not made before the search stops; None if it should be, and "" if it was."""
    awaited = state.space.awaited_labels(plan)
    made = [o for o in state.observations if o.score is not None]
    if any(o.plan.repeated(0) == plan for o in made):
        return ""
    expensive = sum(o.cost_usd > 0.5 * state.space.budget_usd for o in made)
    if awaited:
        why = f"it awaits {awaited:,} label{'' if awaited == 1 else 's'}"
    elif plan in state.tried:
        why = "it failed"
    elif expensive >= _MOST_MADE:
        why = f"{expensive} plans as expensive were"
    elif not state.affordable(plan):
        why = f"${state.left_usd:,.2f} do not pay for it"
    else:
        return None
    return f"; the recommended plan was not made: {why}"


def _why_stop(gain: float, knows: bool) -> str:
    if not (gain and knows):
        return "no measurement is expected to gain anything that it costs"
    return (
        f"the best measurement is expected to gain {100 * gain:.2f} points, less than its dollars would "
        "as a larger budget"
    )
