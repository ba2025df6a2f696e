// Frontiers, the best for at most B dollars, and what is tied with it: raydoa.report.pareto, .within and .standing.

import { LEVEL, paired } from "./seeds.js";

/** The plans with their costs: each that of its dearest cell, since a budget is a ceiling. A plan of which no cell's
 *  cost is known has no place among them. */
export function priced(plans, costs, labelCosts) {
  const most = (column, cells) => cells.reduce((high, cell) => Math.max(high, column[cell] ?? -Infinity), -Infinity);
  return plans
    .map((plan) => ({ ...plan, cost: most(costs, plan.pricedBy), paidForLabels: most(labelCosts, plan.pricedBy) }))
    .filter((plan) => plan.cost > -Infinity);
}

/** The plans that no other beats on cost and score both, cheapest first. */
export function frontier(plans) {
  const ordered = [...plans].sort((a, b) => a.cost - b.cost || b.score - a.score);
  let best = -Infinity;
  return ordered.filter((plan) => {
    if (plan.score <= best) return false;
    best = plan.score;
    return true;
  });
}

/** The frontier of each strategy, by its name, in alphabetical order. */
export function frontiersByStrategy(plans) {
  const names = [...new Set(plans.map((plan) => plan.strategy))].sort();
  return new Map(names.map((name) => [name, frontier(plans.filter((plan) => plan.strategy === name))]));
}

/** The best of each strategy for at most `budget`, the best of all first. */
export function ranked(frontiers, budget) {
  const best = [...frontiers.values()].map((steps) => steps.findLast((plan) => plan.cost <= budget));
  return best.filter((plan) => plan !== undefined).sort((a, b) => b.score - a.score);
}

/** Of each plan, by its number: whether it is on the frontier, tied with its best rival, or dominated, and by whom. */
export function standings(plans) {
  const on = frontier(plans);
  const found = new Map();
  for (const plan of plans) {
    const rival = on.findLast((other) => other.cost <= plan.cost);
    if (rival === plan) {
      found.set(plan.number, { standing: "frontier" });
      continue;
    }
    const chance = paired(rival, plan);
    found.set(plan.number, { standing: chance >= LEVEL ? "dominated" : "tied", rival, chance });
  }
  return found;
}
