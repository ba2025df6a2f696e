// What the measured plans say, in words: raydoa.report.sentence, and where the answer flips.

import { count, dollars, fixed, percent, pointsOf100, price, shortName } from "./numbers.js";
import { LEVEL, paired } from "./seeds.js";

/** The sentence of one task, N and budget.
 *  @param best plans for at most the budget, one a strategy, the best first  @param nothing what to say without one */
export function sentence({ task, n, budget }, best, nothing) {
  const start = `With ${dollars(budget)} and ${count(n)} labels on ${task}: `;
  return start + (best.length ? found(best) : nothing);
}

/** Whether seeds tell the best plan from the next. */
export function isSure(best) {
  return best.length === 1 || paired(best[0], best[1]) >= LEVEL;
}

/** Why there is no plan, given the panel's cells as {cell, feasible, reason}. */
export function nothingFound(cells) {
  const unpaid = cells.filter((cell) => !cell.feasible);
  if (!cells.length) return "no strategy is chosen";
  if (unpaid.length < cells.length) return "nothing that was measured costs so little";
  return `nothing can be paid, such as ${unpaid[0].cell}: ${unpaid[0].reason}`;
}

function found(best) {
  const [first, ...others] = best;
  const text = `${order(first)}, ${pointsOf100(first.score, first.margin)}, ${dollars(first.cost)}`;
  if (!others.length) return `${text}; nothing else was measured for that money`;
  const rival = others.find((plan) => plan.strategy === "annotate") ?? others[0];
  const both = `${text}; ${noun(rival)} reaches ${fixed(100 * rival.score, 1)}`;
  const chance = paired(first, rival);
  if (chance === null) return `${both}, and one seed cannot tell which is better`;
  if (chance >= LEVEL) return both;
  return `${both}, too close to call: the first is better with a probability of ${percent(chance)}`;
}

/** What to do. */
export function order(plan) {
  const labels = `buy ${count(plan.labels)} labels`;
  if (plan.strategy === "annotate") {
    return plan.labels ? labels : `train ${shortName(plan.student)} on the labels that are owned`;
  }
  const own = plan.strategy === "self_distill";
  const verb = own ? `distil ${shortName(plan.student)} from itself` : `distil ${shortName(plan.teacher)}`;
  const taught = `${verb} over ${count(plan.pseudoLabels)}`;
  return plan.labels ? `${labels} and ${taught}` : taught;
}

function noun(plan) {
  if (plan.strategy === "annotate") return "annotating";
  const teacher = plan.strategy === "self_distill" ? "itself" : shortName(plan.teacher);
  const mixed = plan.labels ? `buying ${count(plan.labels)} labels and ` : "";
  return `${mixed}distilling ${teacher} over ${count(plan.pseudoLabels)}`;
}

const NAMES = { label: "a label", gpu_hour: "a GPU-hour" };

/** Where the answer flips as one price moves, the rest held. */
export function flip(name, { lower, upper, below, above }, now) {
  const here = now === null ? "" : ` (${price(now)} here)`;
  const start = `Whatever ${NAMES[name]} costs${here}`;
  if (below === "neither") return `${start}, nothing that was measured can be paid.`;
  if (lower === null) return `${start}, ${below} stays best.`;
  const up = `While ${NAMES[name]} costs at most ${rounded(lower)}${here}, ${below} is best`;
  if (above === "neither") return `${up}; above, nothing that was measured can be paid.`;
  if (!Number.isFinite(upper)) return `${up}; above, ${above}, as far as was measured.`;
  if (rounded(lower) === rounded(upper)) return `${up}; above, ${above}.`;
  return `${up}; from ${rounded(upper)}, ${above}. Between the two lie plans that nobody measured.`;
}

const rounded = (usd) => (usd >= 100 ? dollars(usd) : price(Number(usd.toPrecision(3))));
