// Frontiers, the best for at most B dollars, and what is tied with it: raydoa.report.pareto, .best_within_budget and .standings.

import { LEVEL, paired } from "./seeds.js";

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
  const standing = new Map();
  for (const plan of plans) {
    const rival = on.findLast((other) => other.cost <= plan.cost);
    if (rival === plan) {
      standing.set(plan.number, { standing: "frontier" });
      continue;
    }
    const chance = paired(rival, plan);
    standing.set(plan.number, { standing: chance >= LEVEL ? "dominated" : "tied", rival, chance });
  }
  return standing;
}
