// At which price the best strategy changes: raydoa.report.break_even, which tells why the answer is a range.

/** The change nearest to today's price: {lower, upper, below, above}; lower is null where nothing changes.
 *  @param name "label" or "gpu_hour"  @param now today's price, or null */
export function breakEven(plans, name, budget, now) {
  const changes = changesOf(plans, name, budget);
  const distance = ({ lower, upper }) => {
    if (lower === null || now === null || (lower <= now && now <= upper)) return 0;
    return Math.min(...[lower, upper].filter(Number.isFinite).map((price) => Math.abs(Math.log(price / now))));
  };
  return changes.reduce((nearest, change) => (distance(change) < distance(nearest) ? change : nearest));
}

function changesOf(plans, name, budget) {
  const payable = plans
    .map((plan) => ({ plan, until: highestPrice(plan, name, budget) }))
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

/** The highest price at which a plan can be paid; one that needs none of it can be paid at any, or never. */
function highestPrice(plan, name, budget) {
  const units = name === "label" ? plan.labels : plan.hours;
  const rest = name === "label" ? plan.cost - plan.paidForLabels : plan.paidForLabels;
  if (units > 0) return (budget - rest) / units;
  return budget >= rest ? Infinity : -Infinity;
}
