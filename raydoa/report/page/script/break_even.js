// At which price the best strategy changes: raydoa.report.break_even, which tells why the answer is a range.

/** The change nearest to today's price: {lower, upper, below, above}; lower is null where nothing changes.
 *  @param paid what a plan pays for what is priced  @param now today's price, or null */
export function breakEven(plans, name, budget, paid, now) {
  const changes = changesOf(plans, (plan) => highestPrice(plan.units[name], budget - plan.cost + paid(plan)));
  const distance = ({ lower, upper }) => {
    if (lower === null || now === null || (lower <= now && now <= upper)) return 0;
    return Math.min(...[lower, upper].filter(Number.isFinite).map((price) => Math.abs(Math.log(price / now))));
  };
  return changes.reduce((nearest, change) => (distance(change) < distance(nearest) ? change : nearest));
}

function changesOf(plans, highest) {
  const payable = plans
    .map((plan) => ({ plan, until: highest(plan) }))
    .filter(({ until }) => until > 0)
    .sort((a, b) => (a.until === b.until ? a.plan.score - b.plan.score : b.until - a.until));
  if (!payable.length) return [{ lower: null, upper: null, below: "neither", above: "neither" }];
  const steps = [];
  const last = new Map();
  let [best, strategy] = [-Infinity, "neither"];
  for (const { plan, until } of payable) {
    if (plan.score > best) {
      if (plan.strategy !== strategy && Number.isFinite(until)) {
        const upper = last.get(plan.strategy) ?? Infinity;
        steps.unshift({ lower: until, upper, below: plan.strategy, above: strategy });
      }
      [best, strategy] = [plan.score, plan.strategy];
    }
    last.set(plan.strategy, until);
  }
  return steps.length ? steps : [{ lower: null, upper: null, below: strategy, above: strategy }];
}

/** The highest price at which a plan is affordable; one that needs none of it is affordable at any, or never. */
function highestPrice(units, left) {
  if (units > 0) return left / units;
  return left >= 0 ? Infinity : -Infinity;
}
