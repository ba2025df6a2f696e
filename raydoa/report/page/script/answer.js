// The sentence, and up to which price it holds: templates of the data, filled with the plans that are best at these prices.

import { say, write } from "./wording.js";

/** The sentence of one task, N and budget.
 *  @param best plans for at most the budget, one a strategy, the best first  @param cells {cell, feasible, awaits,
 *  infeasible_reason} of all that compete; what `awaits` is feasible, and cannot be measured yet */
export function sentence(asked, best, cells, verdictOn) {
  const start = say("asked", asked);
  if (!best.length) return start + nothing(cells);
  const [first, ...others] = best;
  if (!first.better) return start + say("no_better", { ...first, constant: first.panel.constant });
  if (!others.length) return start + say("best", first) + say("alone");
  const rival = others.reduce((least, plan) => (plan.as_rival < least.as_rival ? plan : least));
  return start + say("best", first) + rival.reached + verdictOn(first, rival).doubt;
}

function nothing(cells) {
  if (!cells.length) return say("no_strategy");
  const feasible = cells.filter((cell) => cell.feasible);
  if (!feasible.length) return say("none_feasible", cells[0]);
  return feasible.every((cell) => cell.awaits) ? say("all_await", feasible[0]) : say("too_dear");
}

/** Where the answer changes as one price moves, the rest held; `below` and `above` are null where nothing is affordable.
 *  @param noun of what is priced, such as "a label"  @param nothing why nobody is best */
export function flip(noun, change, now, nothing) {
  const { lower, upper, below, above } = change;
  const values = { ...change, noun, nothing, today: now === null ? "" : say("today", { now }) };
  if (lower === null) return say(below === null ? "never" : "always", values);
  return say("up_to", values) + say(aboveIt(above, lower, upper), values);
}

function aboveIt(above, lower, upper) {
  if (above === null) return "above_nothing";
  if (!Number.isFinite(upper)) return "above_open";
  return write(lower, "rounded_price") === write(upper, "rounded_price") ? "above" : "above_gap";
}
