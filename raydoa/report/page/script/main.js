// The page: state, and everything drawn anew from it, at most once a frame.

import { breakEven } from "./break_even.js";
import { Chart } from "./chart.js";
import { budgetPicture, frontierPicture, standingWords } from "./charts.js";
import { csv, offer } from "./csv.js";
import { decode } from "./decode.js";
import { byId, element } from "./dom.js";
import { choosePanel, panelsOf, showFilters } from "./filters.js";
import { openLedger } from "./ledger.js";
import { count, dollars, exactDollars, fixed, price } from "./numbers.js";
import { dearest, frontiersByStrategy, priced, ranked, standings } from "./plans.js";
import { repricer } from "./reprice.js";
import { DollarSlider } from "./sliders.js";
import { PagedTable } from "./tables.js";
import { Winners } from "./winners.js";
import { flip, nothingMeasured, sentence } from "./words.js";

const REACH = 20; // A price can be moved to so many times itself, and to that part of it.
const HEARD_AFTER = 700; // Milliseconds that a slider rests before the sentence is read out.

const data = decode(byId("data").textContent);
const { columns, budgets, curves, unitPrices } = data;
const panels = panelsOf(data);
const strategies = [...new Set(columns.strategy.values)].sort();
const reprice = repricer(data);
const state = { ...panels[0], budget: budgets[budgets.length >> 1], off: new Set() };
let view = { ...data, changed: {} };
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
  budget: chart("budget", "Best score for at most a budget", strategies.map((name) => curves.find((curve) => curve.strategy === name).colour)),
};
const money = { title: "cost", number: true, text: ({ plan }) => exactDollars(plan.cost) };
const described = [
  { title: "plan", text: ({ plan }) => `${plan.strategy}: ${plan.order}`, open: ({ plan }) => openPlan(plan) },
  { title: "quantities", text: ({ plan }) => plan.quantities },
  { title: "score", number: true, text: ({ plan }) => plan.points },
  { title: "seeds", number: true, text: ({ plan }) => count(plan.seeds.size) },
];
const tables = {
  frontier: table("#frontier .table", "All plans, cheapest first", [money, ...described,
    { title: "standing", text: ({ standing }) => standingWords(standing) }]),
  budget: table("#budget .table", "The steps of each strategy, cheapest first", [{ ...money, title: "from a budget of" }, ...described]),
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
  for (const unitPrice of unitPrices) unitPrice.moved = null;
  panelChanged();
});
byId("download").addEventListener("click", () => offer(csv(data, view.changed), "cells.csv"));
document.querySelectorAll("details").forEach((details) => details.addEventListener("toggle", schedule));
panelChanged();

function table(selector, caption, columnsOfIt) {
  return new PagedTable(document.querySelector(selector), caption, columnsOfIt);
}

/** A slider for the budget and one for each price; those of tasks share one, which is that of the task shown. */
function showSliders() {
  const host = byId("sliders");
  const slider = (id, title, onInput) =>
    new DollarSlider(host, { id, title, onInput: (usd) => { onInput(usd); schedule(); } });
  const shown = { budget: slider("budget-usd", "Budget", (usd) => (state.budget = usd)), prices: new Map() };
  for (const { slider: id, title } of unitPrices) {
    if (shown.prices.has(id)) continue;
    shown.prices.set(id, slider(id, title, (usd) => move(pricesShown().find((unitPrice) => unitPrice.slider === id), usd)));
  }
  return shown;
}

function pricesShown() {
  const ofTasks = new Set(data.prices.filter(({ scope }) => scope === "task").map(({ name }) => name));
  return unitPrices.filter((unitPrice) => unitPrice.value === state.task || !ofTasks.has(unitPrice.price));
}

/** Another price; the sweep's own changes nothing. */
function move(unitPrice, usd) {
  unitPrice.moved = usd === unitPrice.now ? null : usd;
}

/** Sliders follow what is looked at: each task has a label price of its own. */
function panelChanged() {
  sliders.budget.set({ ...budgetReach, homes: budgets, value: state.budget, note: "" });
  for (const { slider, now, moved, middle } of pricesShown()) {
    const note = now === null ? "the sweep has no single price" : `the sweep’s: ${price(now)}`;
    const homes = now === null ? [] : [now];
    sliders.prices.get(slider).set({ low: middle / REACH, high: middle * REACH, homes, value: moved ?? now, note });
  }
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
  view = { ...data, changed: reprice(unitPrices) };
  const shown = data.plans.filter((plan) => !state.off.has(plan.curve));
  const plans = priced(shown, costsOf("total"));
  const byPanel = Map.groupBy(plans, ({ task, n }) => JSON.stringify([task, n]));
  const plansOf = ({ task, n }) => byPanel.get(JSON.stringify([task, n])) ?? [];
  const frontiers = new Map(panels.map((panel) => [panel, frontiersByStrategy(plansOf(panel))]));
  const chosen = panels.find(({ task, n }) => task === state.task && n === state.n);
  const panel = { plans: plansOf(chosen), frontiers: frontiers.get(chosen), standings: standings(plansOf(chosen)) };
  const cells = columns.cell.values.map((_, i) => i).filter((i) =>
    columns.task.values[i] === chosen.task && columns.n.values[i] === chosen.n && !state.off.has(data.curveOf[i]));
  showAnswer(panel, cells);
  showCharts(panel, cells);
  winners.show((one) => frontiers.get(one), state);
  showCells(cells);
}

const costsOf = (item) => view.changed[`cost_${item}`] ?? columns[`cost_${item}`].values;

function showAnswer(panel, cells) {
  const why = nothingMeasured(cells.map((i) => ({ cell: columns.cell.values[i], feasible: columns.feasible.values[i],
    reason: columns.infeasible_reason.values[i] })));
  const text = sentence(state, ranked(panel.frontiers, state.budget), why);
  if (byId("answer").textContent !== text) {
    byId("answer").textContent = text;
    clearTimeout(reading);
    reading = setTimeout(() => hear(text), HEARD_AFTER);
  }
  byId("flips").replaceChildren(...(panel.plans.length ? data.prices : []).map((priced) =>
    element("li", { textContent: flipOf(priced, panel.plans, cells) })));
  showMoved();
}

function flipOf({ name, scope, noun }, plans, cells) {
  const values = [...new Set(cells.map((cell) => (scope === null ? "" : columns[scope].values[cell])))];
  const only = values.length === 1 ? unitPrices.find((unitPrice) => unitPrice.price === name && unitPrice.value === values[0]) : null;
  const now = only === null ? null : only.moved ?? only.now;
  const costs = data.items.filter((item) => item.price === name).map((item) => costsOf(item.name));
  const paid = (plan) => dearest(plan, (cell) => costs.reduce((sum, column) => sum + column[cell], 0));
  return flip(noun, breakEven(plans, name, state.budget, paid, now), now);
}

/** What other prices can say, and what they cannot. */
function showMoved() {
  const moved = unitPrices.filter((unitPrice) => unitPrice.moved !== null);
  byId("moved").hidden = !moved.length;
  byId("moved").textContent =
    `At other prices: ${moved.map((unitPrice) => `${price(unitPrice.moved)} ${unitPrice.per}`).join(", ")}. These are the plans ` +
    "that were measured, at what they would cost. Plans that nobody measured, which these prices may allow, are not guessed; " +
    "infeasible cells stay out.";
}

function showCharts(panel, cells) {
  const infeasible = cells.filter((i) => !columns.feasible.values[i]).length;
  const unscored = cells.filter((i) => columns.feasible.values[i] && columns.score.values[i] === null).length;
  const empty = !cells.length ? "No strategy is chosen." : infeasible === cells.length
    ? `None of ${count(cells.length)} cells is affordable; the table of cells says why.` : "No cell has a score.";
  const frontierShown = frontierPicture(panel, state.budget, empty);
  const budgetShown = budgetPicture(panel, strategies, state.budget, empty);
  charts.frontier.draw(frontierShown);
  charts.budget.draw(budgetShown);
  const missing = [infeasible ? `${count(infeasible)} of ${count(cells.length)} cells are unaffordable.` : "",
    unscored ? `${count(unscored)} have no score.` : ""].filter(Boolean).join(" ");
  const oneSeed = panel.plans.every((plan) => plan.score_margin === null);
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
  if (!columns.feasible.values[cell]) return "unaffordable";
  return score === null ? "none" : fixed(100 * score, 1);
}

function costOf(cell, name) {
  const usd = (view.changed[name] ?? columns[name].values)[cell];
  if (!columns.feasible.values[cell]) return "";
  return usd === null ? "not known" : exactDollars(usd);
}
