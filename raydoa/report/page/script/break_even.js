// At which price the best strategy changes: raydoa.report.break_even, which tells why the answer is a range.

import { frontier } from "./plans.js";

/** The change nearest to today's price: {lower, upper, below, above}; lower is null where nothing changes, a strategy
 *  where nothing is affordable. Where today's price is 0, what only that can buy counts as well.
 *  @param paid what a plan pays for what is priced  @param now today's price, or null */
export function breakEven(plans, name, budget, paid, now) {
  // What is affordable at every price comes first, and each plan of this frontier is best from its own price downwards.
  const payable = plans.map((plan) => {
    const until = highestPrice(plan.units[name], budget - plan.cost + paid(plan));
    return { strategy: plan.strategy, score: plan.score, until, cost: -until };
  }).filter(({ until }) => (now === 0 ? until >= 0 : until > 0));
  const steps = frontier(payable).reverse();
  const changes = steps.map(({ strategy, until }, i) => {
    const dearer = payable.filter((plan) => plan.strategy === strategy && plan.until > until).map((plan) => plan.until);
    return { lower: until, upper: Math.min(...dearer), below: strategy, above: steps[i + 1]?.strategy ?? null };
  }).filter(({ lower, below, above }) => below !== above && Number.isFinite(lower));
  if (!changes.length) return { lower: null, below: steps[0]?.strategy ?? null };
  return changes.reduce((nearest, change) => (distance(change, now) < distance(nearest, now) ? change : nearest));
}

/** Without a price, and from 0, the lowest change is as near as any. */
function distance({ lower, upper }, now) {
  if (!now || (lower <= now && now <= upper)) return 0;
  return Math.min(...[lower, upper].filter(Number.isFinite).map((price) => Math.abs(Math.log(price / now))));
}

/** The highest price at which a plan is affordable; one that needs none of it is affordable at any, or never. */
function highestPrice(units, left) {
  if (units > 0) return left / units;
  return left >= 0 ? Infinity : -Infinity;
}
