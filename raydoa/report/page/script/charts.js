// The two charts: every plan with the Pareto frontier, and the best of each strategy for at most a budget.

import { frontier } from "./plans.js";
import { say } from "./wording.js";

const CROWDED = 80; // More plans than this have bars on the frontier alone.
const FRONT = ["faint", "hollow", "full"]; // The last is drawn in front.
const APART = 4; // The least cost above 0 over where 0 stands, which has no logarithm: on the left of all else.

/** What the first chart shows. */
export function frontierPicture(panel, budget, empty) {
  const { plans, standings } = panel;
  const weight = (plan) => standings.get(plan.number)?.mark ?? "full";
  const frame = frameOf(plans, budget);
  const points = [...plans]
    .sort((a, b) => a.cost - b.cost || FRONT.indexOf(weight(a)) - FRONT.indexOf(weight(b)))
    .map((plan) => ({
      ...pointOf(plan, frame, plans.length > CROWDED && standings.has(plan.number)), weight: weight(plan),
      text: () => [...tell(plan), standingWords(standings.get(plan.number))],
    }));
  return { points, lines: [lineOf(frontier(plans), frame)], ...frame, empty };
}

/** What the second chart shows: a line a strategy, in the order of `strategies`. */
export function budgetPicture(panel, strategies, budget, empty) {
  const steps = strategies.map((name) => panel.frontiers.get(name) ?? []);
  const frame = frameOf(steps.flat(), budget);
  const lines = steps.map((plans) => lineOf(plans, frame));
  const points = steps.flat().sort((a, b) => a.cost - b.cost).map((plan) => ({
    ...pointOf(plan, frame, false), weight: "full", text: () => [say("step", plan), ...tell(plan)],
  }));
  return { points, lines, ...frame, empty };
}

/** @param standing what is said against the plan; nothing of one on the frontier */
export const standingWords = (standing) => (standing ? say(standing.words, standing) : say("frontier"));

function pointOf(plan, { zero }, bare) {
  const barred = plan.score_margin !== null && !bare;
  return {
    x: plan.cost || zero,
    y: 100 * plan.score,
    low: barred ? 100 * (plan.score - plan.score_margin) : null,
    high: barred ? 100 * (plan.score + plan.score_margin) : null,
    look: plan.curve,
    plan,
  };
}

const tell = (plan) => [say("plan", plan), say(plan.seeds === 1 ? "score_of_one_seed" : "score", plan), plan.quantities];

/** What the axes span, all plans and the budget, with some room; where 0 stands, if any of them is 0; and the budget. */
function frameOf(plans, budget) {
  const dollars = [...plans.map((plan) => plan.cost), budget];
  const above = dollars.filter((usd) => usd > 0);
  const lowest = above.length ? Math.min(...above) : 1;
  const zero = above.length < dollars.length ? lowest / APART : null;
  const [least, most] = [zero ?? lowest, Math.max(lowest, ...above)];
  const room = Math.max(1.08, (most / least) ** 0.05);
  const scores = plans.flatMap(({ score, score_margin: margin, score_lowest: lowest, score_highest: highest }) =>
    margin === null || plans.length > CROWDED ? [lowest, highest] : [score - margin, score + margin, lowest, highest],
  );
  const [low, high] = scores.length ? [100 * Math.min(...scores), 100 * Math.max(...scores)] : [0, 1];
  const edge = Math.max(0.5, 0.06 * (high - low));
  return { zero, budget: budget || zero, reach: [least / room, most * room], span: [low - edge, high + edge] };
}

/** A step line to the right edge: what is best stays best until something better is affordable. */
function lineOf(plans, { zero, reach }) {
  const line = plans.map((plan) => [plan.cost || zero, 100 * plan.score]);
  return line.length ? [...line, [reach[1], line.at(-1)[1]]] : line;
}
