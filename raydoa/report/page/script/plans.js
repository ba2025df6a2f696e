// Plans at the prices of the sliders: what each costs, and who is best. raydoa.report.pareto does the same.

/** The plans with their costs: each that of its dearest cell, since a budget is a ceiling. A plan of which no cell's
 *  cost is known has no place among them. */
export function priced(plans, costs) {
  return plans.map((plan) => ({ ...plan, cost: dearest(plan, (cell) => costs[cell]) })).filter((plan) => plan.cost > -Infinity);
}

/** The most that any of a plan's cells has, among those that say what it costs. */
export function dearest(plan, valueOf) {
  return plan.priced_by.reduce((high, cell) => Math.max(high, valueOf(cell) ?? -Infinity), -Infinity);
}

/** The plans that no other beats on cost and score both, cheapest first. */
export function frontier(plans) {
  const ordered = [...plans].sort((a, b) => (a.cost === b.cost ? b.score - a.score : a.cost - b.cost));
  let best = -Infinity;
  return ordered.filter((plan) => {
    if (plan.score <= best) return false;
    best = plan.score;
    return true;
  });
}

/** The frontier of each strategy, by its name. */
export function frontiersByStrategy(plans) {
  const byName = Map.groupBy(plans, (plan) => plan.strategy);
  return new Map([...byName].map(([name, own]) => [name, frontier(own)]));
}

/** The best of each strategy for at most `budget`, the best of all first. */
export function ranked(frontiers, budget) {
  const best = [...frontiers.values()].map((steps) => steps.findLast((plan) => plan.cost <= budget));
  return best.filter((plan) => plan !== undefined).sort((a, b) => a.rank - b.rank);
}

/** Of each plan off the frontier, by its number, the best plan that costs no more. */
export function rivals(plans) {
  const on = frontier(plans);
  const pairs = plans.map((plan) => [plan.number, on.findLast((other) => other.cost <= plan.cost)]);
  return new Map(pairs.filter(([number, rival]) => rival.number !== number));
}
