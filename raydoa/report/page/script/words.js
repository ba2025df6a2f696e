// What the measured plans say, in words: raydoa.report.sentence, and where the answer flips. What a plan is called comes
// with the data.

import { count, dollars, percent, price } from "./numbers.js";
import { LEVEL, paired } from "./seeds.js";

/** The sentence of one task, N and budget.
 *  @param best plans for at most the budget, one a strategy, the best first  @param nothing what to say without one */
export function sentence({ task, n, budget }, best, nothing) {
  const start = `With ${dollars(budget)} and ${count(n)} labels on ${task}, `;
  return start + (best.length ? answer(best) : nothing);
}

/** Whether seeds tell the best plan from the next. */
export function isSure(best) {
  return best.length === 1 || paired(best[0], best[1]) >= LEVEL;
}

/** Why there is no plan, given the panel's cells as {cell, feasible, reason}. */
export function nothingMeasured(cells) {
  const infeasible = cells.filter((cell) => !cell.feasible);
  if (!cells.length) return "no strategy is chosen.";
  if (infeasible.length < cells.length) return "nothing that was measured costs so little.";
  return `every plan is unaffordable, such as ${infeasible[0].cell}: ${infeasible[0].reason}.`;
}

function answer([first, ...others]) {
  const text = `${first.order}: ${first.scored} for ${dollars(first.cost)}.`;
  if (!others.length) return `${text} Nothing else was measured for that money.`;
  const rival = others.find((plan) => plan.baseline) ?? others[0];
  const both = `${text} ${rival.reached}`;
  const chance = paired(first, rival);
  if (chance === null) return `${both}, and one seed cannot tell which is better.`;
  if (chance >= LEVEL) return `${both}.`;
  return `${both}, too close to call: the first is better with a probability of ${percent(chance)}.`;
}

/** Where the answer flips as one price moves, the rest held.  @param noun of what is priced, such as "a label" */
export function flip(noun, { lower, upper, below, above }, now) {
  const today = now === null ? "" : ` (${price(now)} here)`;
  const start = `Whatever ${noun} costs${today}`;
  if (below === "neither") return `${start}, nothing that was measured is affordable.`;
  if (lower === null) return `${start}, ${below} stays best.`;
  const up = `While ${noun} costs at most ${rounded(lower)}${today}, ${below} is best`;
  if (above === "neither") return `${up}; above, nothing that was measured is affordable.`;
  if (!Number.isFinite(upper)) return `${up}; above, ${above}, as far as was measured.`;
  if (rounded(lower) === rounded(upper)) return `${up}; above, ${above}.`;
  return `${up}; from ${rounded(upper)}, ${above}. Between the two lie plans that nobody measured.`;
}

const rounded = (usd) => (usd >= 100 ? dollars(usd) : price(Number(usd.toPrecision(3))));
