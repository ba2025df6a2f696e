// The two charts: every plan with the Pareto frontier, and the best of each strategy for at most a budget.

import { frontier } from "./plans.js";
import { say } from "./wording.js";

const CROWDED = 80; // More plans than this have bars on the frontier alone.
const FRONT = ["faint", "hollow", "full"]; // The last is drawn in front.

/** What the first chart shows. */
export function frontierPicture(panel, budget, empty) {
  const { plans, standings } = panel;
  const weight = (plan) => standings.get(plan.number)?.mark ?? "full";
  const points = [...plans]
    .sort((a, b) => a.cost - b.cost || FRONT.indexOf(weight(a)) - FRONT.indexOf(weight(b)))
    .map((plan) => ({
      ...pointOf(plan, plans.length > CROWDED && standings.has(plan.number)), weight: weight(plan),
      text: () => [...tell(plan), standingWords(standings.get(plan.number))],
    }));
  const frame = frameOf(plans, budget);
  const line = frontier(plans).map((plan) => [plan.cost, 100 * plan.score]);
  return { points, lines: [extended(line, frame.reach[1])], budget, ...frame, empty };
}

/** What the second chart shows: a line a strategy, in the order of `strategies`. */
export function budgetPicture(panel, strategies, budget, empty) {
  const steps = strategies.map((name) => panel.frontiers.get(name) ?? []);
  const frame = frameOf(steps.flat(), budget);
  const lines = steps.map((plans) => extended(plans.map((p) => [p.cost, 100 * p.score]), frame.reach[1]));
  const points = steps.flat().sort((a, b) => a.cost - b.cost).map((plan) => ({
    ...pointOf(plan, false), weight: "full", text: () => [say("step", plan), ...tell(plan)],
  }));
  return { points, lines, budget, ...frame, empty };
}

/** @param standing what is said against the plan; nothing of one on the frontier */
export const standingWords = (standing) => (standing ? say(standing.words, standing) : say("frontier"));

function pointOf(plan, bare) {
  const barred = plan.score_margin !== null && !bare;
  return {
    x: plan.cost,
    y: 100 * plan.score,
    low: barred ? 100 * (plan.score - plan.score_margin) : null,
    high: barred ? 100 * (plan.score + plan.score_margin) : null,
    look: plan.curve,
    plan,
  };
}

const tell = (plan) => [say("plan", plan), say(plan.seeds === 1 ? "score_of_one_seed" : "score", plan), plan.quantities];

/** What the axes span: all plans and the budget, with some room. */
function frameOf(plans, budget) {
  const costs = [...plans.map((plan) => plan.cost).filter((cost) => cost > 0), budget];
  const [least, most] = [Math.min(...costs), Math.max(...costs)];
  const room = Math.max(1.08, (most / least) ** 0.05);
  const scores = plans.flatMap(({ score, score_margin: margin, score_lowest: lowest, score_highest: highest }) =>
    margin === null || plans.length > CROWDED ? [lowest, highest] : [score - margin, score + margin, lowest, highest],
  );
  const [low, high] = scores.length ? [100 * Math.min(...scores), 100 * Math.max(...scores)] : [0, 1];
  const edge = Math.max(0.5, 0.06 * (high - low));
  return { reach: [least / room, most * room], span: [low - edge, high + edge] };
}

/** A step line to the right edge: what is best stays best until something better is affordable. */
const extended = (line, right) => (line.length ? [...line, [right, line.at(-1)[1]]] : line);
