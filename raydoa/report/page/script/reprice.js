// The cells at other prices, by the rules of raydoa.report.reprice: quantities x new unit prices. A price that is not
// changed leaves the dollars of its items as they are; a cell that could not be paid has no quantities.

import { MICRO, microUsd, unitGpuSeconds } from "./money.js";
import { shortNumber } from "./numbers.js";

/** The stages that take GPU-seconds, and the column of how many units of each a plan has. */
export const COMPUTING = { teacher: "teacher_steps", pseudo_labels: "pseudo_labels", student: "student_steps" };

const ITEMS = ["labels", ...Object.keys(COMPUTING), "llm"];

/** Columns that are not known at other prices. */
const EMPTIED = [
  "unspent", "cost_incurred", "fraction_labels", "fraction_teacher", "fraction_pseudo_labels", "fraction_student",
];

/** A function from new prices, {label: {task: usd}, gpu: {accelerator: usd}}, to the columns that they change. */
export function repricer({ columns, count }) {
  const of = (name) => columns[name].values;
  const units = Object.entries(COMPUTING).map(([stage, quantity]) => ({
    stage,
    quantities: of(quantity),
    seconds: of(`gpu_seconds_${stage}`).map((total, cell) => unitGpuSeconds(total, of(quantity)[cell])),
  }));
  const [tasks, accelerators, labels] = [of("task"), of("accelerator"), of("labels")];

  return function reprice(prices) {
    if (!anyPrice(prices)) return {};
    const changed = { cost_labels: new Array(count), cost_total: new Array(count), prices: new Array(count) };
    for (const { stage } of units) changed[`cost_${stage}`] = new Array(count);
    const suffix = `+${words(prices)}`;
    for (let cell = 0; cell < count; cell += 1) {
      const label = prices.label[tasks[cell]];
      const gpu = prices.gpu[accelerators[cell]];
      changed.cost_labels[cell] =
        label === undefined ? of("cost_labels")[cell] : microUsd(labels[cell], label) / MICRO;
      for (const { stage, quantities, seconds } of units) {
        const cost = `cost_${stage}`;
        changed[cost][cell] = gpu === undefined ? of(cost)[cell] : computing(quantities[cell], seconds[cell], gpu);
      }
      changed.prices[cell] = of("prices")[cell] + suffix;
      changed.cost_total[cell] = total(changed, of("cost_llm"), cell);
    }
    for (const name of EMPTIED) changed[name] = new Array(count).fill(null);
    return changed;
  };
}

export function anyPrice(prices) {
  return Object.keys(prices.label).length + Object.keys(prices.gpu).length > 0;
}

/** Dollars of computing; what is not known how long it takes has no price, rather than none to pay. */
function computing(quantity, seconds, gpu) {
  return seconds === null ? null : microUsd(quantity, (seconds * gpu) / 3600) / MICRO;
}

function total(changed, llm, cell) {
  let micro = 0;
  for (const item of ITEMS) {
    const usd = (item === "llm" ? llm : changed[`cost_${item}`])[cell];
    if (usd === null) return null;
    micro += Math.round(usd * MICRO);
  }
  return micro / MICRO;
}

/** The changes as a price book's id has them. */
function words(prices) {
  return ["label", "gpu"]
    .flatMap((kind) => Object.entries(prices[kind]).map(([name, usd]) => `${kind}.${name}=${shortNumber(usd)}`))
    .join("+");
}
