// The page: state, and everything drawn anew from it, at most once a frame.

import { breakEven } from "./break_even.js";
import { Chart } from "./chart.js";
import { budgetPicture, frontierPicture, standingWords } from "./charts.js";
import { csv, offer } from "./csv.js";
import { decode } from "./decode.js";
import { byId, element } from "./dom.js";
import { choosePanel, panelsOf, showFilters } from "./filters.js";
import { openLedger } from "./ledger.js";
import { curveId, curvesOf, lookOf } from "./looks.js";
import { count, dollars, exactDollars, fixed, pointsOf100, price } from "./numbers.js";
import { frontiersByStrategy, priced, ranked, standings } from "./plans.js";
import { anyPrice, repricer } from "./reprice.js";
import { DollarSlider } from "./sliders.js";
import { PagedTable } from "./tables.js";
import { Winners } from "./winners.js";
import { flip, nothingFound, order, sentence } from "./words.js";

const REACH = 20; // A price can be moved to so many times itself, and to that part of it.
const HEARD_AFTER = 700; // Milliseconds that a slider rests before the sentence is read out.

const data = decode(byId("data").textContent);
const { columns, budgets } = data;
const panels = panelsOf(data);
const curves = curvesOf(data);
const strategies = [...new Set(columns.strategy.values)].sort();
const curveOf = columns.strategy.values.map((strategy, i) => curveId(strategy, columns.teacher.values[i]));
const reprice = repricer(data);
const state = { ...panels[0], budget: budgets[budgets.length >> 1], off: new Set(), prices: { label: {}, gpu: {} } };
let view = { columns, changed: {}, prices: state.prices, now: data.prices };
const least = columns.cost_total.values.reduce((low, usd) => (usd > 0 ? Math.min(low, usd) : low), budgets[0] || 1);
const budgetReach = { low: least, high: Math.max(budgets.at(-1), 2 * least) };
let due = false;
let reading = 0;

const openPlan = (plan) => openLedger(plan.cells[0], view, plan.cells);
const openCell = (cell) => openLedger(cell, view, data.plans.find((plan) => plan.cells.includes(cell))?.cells ?? []);
const hear = (text) => (byId("heard").textContent = text);
const chart = (id, title, lines) =>
  new Chart(document.querySelector(`#${id} .chart`), { title, lines, onOpen: openPlan, onHear: hear });

const charts = {
  frontier: chart("frontier", "Score against standalone cost", ["--text"]),
  budget: chart("budget", "Best score for at most a budget", strategies.map((name) => lookOf(name, curves).colour)),
};
const money = { title: "cost", number: true, text: ({ plan }) => exactDollars(plan.cost) };
const told = [
  { title: "plan", text: ({ plan }) => `${plan.strategy}: ${order(plan)}`, open: ({ plan }) => openPlan(plan) },
  { title: "student steps", number: true, text: ({ plan }) => count(plan.studentSteps) },
  { title: "score", number: true, text: ({ plan }) => pointsOf100(plan.score, plan.margin) },
  { title: "seeds", number: true, text: ({ plan }) => count(plan.seeds.size) },
];
const tables = {
  frontier: table("#frontier .table", "All plans, cheapest first", [money, ...told,
    { title: "standing", text: ({ standing }) => standingWords(standing) }]),
  budget: table("#budget .table", "The steps of each strategy, cheapest first", [{ ...money, title: "from a budget of" }, ...told]),
  cells: table("#cells", "Cells and their ledgers", [
    { title: "cell", text: ({ cell }) => columns.cell.values[cell], open: ({ cell }) => openCell(cell) },
    { title: "budget", number: true, text: ({ cell }) => dollars(columns.budget.values[cell]) },
    { title: "score", number: true, text: ({ cell }) => scoreOf(cell) },
    { title: "standalone cost", number: true, text: ({ cell }) => costOf(cell, "cost_total") },
    { title: "incurred", number: true, text: ({ cell }) => costOf(cell, "cost_incurred") },
    { title: "", text: ({ cell }) => columns.infeasible_reason.values[cell] ?? "" }]),
};
const winners = new Winners(panels, budgets, curves, (panel, budget) => {
  choosePanel(panels, state, panel);
  state.budget = budget;
  panelChanged();
});

const sliders = showSliders();
showFilters(panels, curves, state, panelChanged);
byId("sweep").textContent = `${count(data.count)} cells; ${[...new Set(columns.task.values)].join(", ")}`;
byId("notes").append(...data.notes.map((textContent) => element("li", { textContent })));
byId("reset").addEventListener("click", () => {
  state.prices = { label: {}, gpu: {} };
  panelChanged();
});
byId("download").addEventListener("click", () => offer(csv(data, view.changed), "cells.csv"));
document.querySelectorAll("details").forEach((details) => details.addEventListener("toggle", schedule));
panelChanged();

function table(place, caption, columnsOfIt) {
  return new PagedTable(document.querySelector(place), caption, columnsOfIt);
}

function showSliders() {
  const host = byId("sliders");
  const slider = (id, title, onInput) =>
    new DollarSlider(host, { id, title, onInput: (usd) => { onInput(usd); schedule(); } });
  const accelerators = Object.keys(data.prices.gpu_hour);
  return {
    budget: slider("budget-usd", "Budget", (usd) => (state.budget = usd)),
    label: slider("label-usd", "Price of a label", (usd) => move("label", state.task, data.prices.label[state.task], usd)),
    gpus: accelerators.map((name, i) => [name, slider(`gpu-usd-${i}`, `Price of a GPU-hour, ${name}`,
      (usd) => move("gpu", name, data.prices.gpu_hour[name], usd))]),
  };
}

/** Another price; the sweep's own changes nothing. */
function move(kind, name, now, usd) {
  const { [name]: _, ...rest } = state.prices[kind];
  state.prices = { ...state.prices, [kind]: usd === now ? rest : { ...rest, [name]: usd } };
}

/** Sliders follow what is looked at: each task has a label price of its own. */
function panelChanged() {
  sliders.budget.set({ ...budgetReach, homes: budgets, value: state.budget, note: "" });
  const show = (slider, now, moved, usual) => {
    const middle = now ?? usual;
    const note = now === null ? "the sweep has no single price" : `the sweep’s: ${price(now)}`;
    slider.set({ low: middle / REACH, high: middle * REACH, homes: now === null ? [] : [now], value: moved ?? now, note });
  };
  show(sliders.label, data.prices.label[state.task], state.prices.label[state.task], 0.2);
  for (const [name, slider] of sliders.gpus) show(slider, data.prices.gpu_hour[name], state.prices.gpu[name], 3);
  schedule();
}

function schedule() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    render();
  });
}

function render() {
  const changed = reprice(state.prices);
  view = { columns, changed, prices: state.prices, now: data.prices };
  const shown = data.plans.filter((plan) => !state.off.has(curveId(plan.strategy, plan.teacher)));
  const plans = priced(shown, changed.cost_total ?? columns.cost_total.values, changed.cost_labels ?? columns.cost_labels.values);
  const isHere = ({ task, n }) => task === state.task && n === state.n;
  const byPanel = Map.groupBy(plans, ({ task, n }) => JSON.stringify([task, n]));
  const plansOf = ({ task, n }) => byPanel.get(JSON.stringify([task, n])) ?? [];
  const frontiers = new Map(panels.map((panel) => [panel, frontiersByStrategy(plansOf(panel))]));
  const here = panels.find(isHere);
  const panel = { plans: plansOf(here), frontiers: frontiers.get(here), standings: standings(plansOf(here)) };
  const cells = columns.cell.values.map((_, i) => i).filter((i) =>
    columns.task.values[i] === here.task && columns.n.values[i] === here.n && !state.off.has(curveOf[i]));
  showAnswer(panel, cells);
  showCharts(panel, cells);
  winners.show((one) => frontiers.get(one), state);
  showCells(cells);
}

function showAnswer(panel, cells) {
  const why = nothingFound(cells.map((i) => ({ cell: columns.cell.values[i], feasible: columns.feasible.values[i],
    reason: columns.infeasible_reason.values[i] })));
  const text = `${sentence(state, ranked(panel.frontiers, state.budget), why)}.`;
  if (byId("answer").textContent !== text) {
    byId("answer").textContent = text;
    clearTimeout(reading);
    reading = setTimeout(() => hear(text), HEARD_AFTER);
  }
  const accelerators = new Set(cells.map((i) => columns.accelerator.values[i]));
  const gpu = accelerators.size === 1 ? [...accelerators][0] : null;
  const now = {
    label: state.prices.label[state.task] ?? data.prices.label[state.task],
    gpu_hour: gpu === null ? null : state.prices.gpu[gpu] ?? data.prices.gpu_hour[gpu],
  };
  const flips = panel.plans.length ? Object.keys(now) : [];
  byId("flips").replaceChildren(...flips.map((name) =>
    element("li", { textContent: flip(name, breakEven(panel.plans, name, state.budget, now[name]), now[name]) })));
  showMoved();
}

/** What other prices can say, and what they cannot. */
function showMoved() {
  byId("moved").hidden = !anyPrice(state.prices);
  const moved = [
    ...Object.entries(state.prices.label).map(([task, usd]) => `${price(usd)} per label of ${task}`),
    ...Object.entries(state.prices.gpu).map(([name, usd]) => `${price(usd)} per GPU-hour of ${name}`),
  ];
  byId("moved").textContent =
    `At other prices: ${moved.join(", ")}. These are the plans that were measured, at what they would cost. Plans that nobody ` +
    "measured, which these prices may allow, are not guessed; cells that could not be paid stay out.";
}

function showCharts(panel, cells) {
  const unpaid = cells.filter((i) => !columns.feasible.values[i]).length;
  const unscored = cells.filter((i) => columns.feasible.values[i] && columns.score.values[i] === null).length;
  const empty = !cells.length ? "No strategy is chosen." : unpaid === cells.length
    ? `None of ${count(cells.length)} cells can be paid; the table of cells says why.` : "No cell has a score.";
  const frontierShown = frontierPicture(panel, curves, state.budget, empty);
  const budgetShown = budgetPicture(panel, curves, strategies, state.budget, empty);
  charts.frontier.draw(frontierShown);
  charts.budget.draw(budgetShown);
  const missing = [unpaid ? `${count(unpaid)} of ${count(cells.length)} cells cannot be paid.` : "",
    unscored ? `${count(unscored)} have no score.` : ""].filter(Boolean).join(" ");
  const oneSeed = panel.plans.every((plan) => plan.margin === null);
  const bars = oneSeed ? "One seed: there are no intervals." : "Bars: 95% intervals over seeds.";
  const marks =
    "Line and filled marks: the Pareto frontier; hollow: seeds cannot tell it from something as cheap that scores more; " +
    `faint: something as cheap is better. ${bars} `;
  const steps = `For each amount of money, the best measured plan of each strategy that costs no more. ${bars}`;
  caption("frontier", `${where()}. ${panel.plans.length ? marks : ""}${missing}`);
  caption("budget", `${where()}. ${panel.plans.length ? steps : missing}`);
  const rows = (points) => points.map(({ plan }) => ({ plan, standing: panel.standings.get(plan.number) }));
  for (const [name, picture] of [["frontier", frontierShown], ["budget", budgetShown]]) {
    if (document.querySelector(`#${name} details`).open) tables[name].show(rows(picture.points));
  }
}

function caption(chartName, text) {
  document.querySelector(`#${chartName} .caption`).textContent = text;
}

const where = () => `${state.task}, ${count(state.n)} labels owned`;

function showCells(cells) {
  tables.cells.show(cells.map((cell) => ({ cell })));
  byId("cells-caption").textContent = `${count(cells.length)} cells of ${where()}, of the strategies that are chosen.`;
}

function scoreOf(cell) {
  const score = columns.score.values[cell];
  if (!columns.feasible.values[cell]) return "cannot be paid";
  return score === null ? "none" : fixed(100 * score, 1);
}

function costOf(cell, name) {
  const usd = (view.changed[name] ?? columns[name].values)[cell];
  if (!columns.feasible.values[cell]) return "";
  return usd === null ? "not known" : exactDollars(usd);
}
