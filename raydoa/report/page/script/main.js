// The page: state, and everything drawn anew from it, at most once a frame.

import { flip, sentence } from "./answer.js";
import { breakEven } from "./break_even.js";
import { Chart } from "./chart.js";
import { budgetPicture, frontierPicture, standingWords } from "./charts.js";
import { csv, offer } from "./csv.js";
import { showDataCheck } from "./data_check.js";
import { decode } from "./decode.js";
import { byId, element } from "./dom.js";
import { showExamples } from "./examples.js";
import { choosePanel, showFilters } from "./filters.js";
import { openLedger } from "./ledger.js";
import { dearest, frontiersByStrategy, priced, ranked, rivals } from "./plans.js";
import { repricer } from "./reprice.js";
import { DollarSlider } from "./sliders.js";
import { PagedTable } from "./tables.js";
import { Winners } from "./winners.js";
import { learn, say, write } from "./wording.js";

const REACH = 20; // A price can be moved to so many times itself, and to that part of it.
const HEARD_AFTER = 700; // Milliseconds that a slider rests before the sentence is read out.

const data = decode(byId("data").textContent);
learn(data);
const { columns, budgets, curves, panels, unitPrices, verdictOn } = data;
const strategies = [...new Set(columns.strategy.values)].sort();
const reprice = repricer(data);
const state = { panel: panels[0], budget: budgets[budgets.length >> 1], off: new Set() };
let view = { ...data, changed: {} };
const least = columns.cost_total.values.reduce((low, usd) => (usd > 0 ? Math.min(low, usd) : low), budgets[0] || 1);
const budgetReach = { low: least, high: Math.max(budgets.at(-1), 2 * least) };
let due = false;
let reading = 0;

const openPlan = (plan) => openLedger(plan.cells[0], view, plan.cells);
const openCell = (cell) => openLedger(cell, view, data.plans.find((plan) => plan.cells.includes(cell))?.cells ?? []);
const hear = (text) => (byId("heard").textContent = text);
const chart = (id, lines) =>
  new Chart(document.querySelector(`#${id} .chart`), { title: say(`${id}_chart`), lines, onOpen: openPlan, onHear: hear });

const charts = {
  frontier: chart("frontier", ["--text"]),
  budget: chart("budget", strategies.map((name) => curves.find((curve) => curve.strategy === name).colour)),
};
const money = { title: "cost", number: true, text: ({ plan }) => write(plan.cost, "micro_dollars") };
const described = [
  { title: "plan", text: ({ plan }) => say("plan", plan), open: ({ plan }) => openPlan(plan) },
  { title: "quantities", text: ({ plan }) => plan.quantities },
  { title: "score", number: true, text: ({ plan }) => plan.points },
  { title: "seeds", number: true, text: ({ plan }) => write(plan.seeds, "count") },
];
const tables = {
  frontier: table("#frontier .table", "All plans, cheapest first", [money, ...described,
    { title: "standing", text: ({ standing }) => standingWords(standing) }]),
  budget: table("#budget .table", "The steps of each strategy, cheapest first", [{ ...money, title: "from a budget of" }, ...described]),
  cells: table("#cells", "Cells and their ledgers", [
    { title: "cell", text: ({ cell }) => columns.cell.values[cell], open: ({ cell }) => openCell(cell) },
    { title: "budget", number: true, text: ({ cell }) => write(columns.budget.values[cell], "dollars") },
    { title: "score", number: true, text: ({ cell }) => scoreOf(cell) },
    { title: "standalone cost", number: true, text: ({ cell }) => costOf(cell, "cost_total") },
    { title: "incurred", number: true, text: ({ cell }) => costOf(cell, "cost_incurred") },
    { title: "", text: ({ cell }) => columns.infeasible_reason.values[cell] ?? "" }]),
};
const winners = new Winners(data, (panel, budget) => {
  choosePanel(panels, state, panel);
  state.budget = budget;
  panelChanged();
});

const sliders = showSliders();
showFilters(panels, curves, state, panelChanged);
byId("sweep").textContent = say("sweep", { cells: data.count, tasks: [...new Set(columns.task.values)].join(", ") });
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
  const shown = { budget: slider("budget-usd", say("budget"), (usd) => (state.budget = usd)), prices: new Map() };
  for (const { slider: id, title } of unitPrices) {
    if (shown.prices.has(id)) continue;
    shown.prices.set(id, slider(id, title, (usd) => move(pricesShown().find((unitPrice) => unitPrice.slider === id), usd)));
  }
  return shown;
}

function pricesShown() {
  return unitPrices.filter(({ task }) => task === null || task === state.panel.task);
}

/** Another price; the sweep's own changes nothing. */
function move(unitPrice, usd) {
  unitPrice.moved = usd === unitPrice.now ? null : usd;
}

/** Sliders follow what is looked at: each task has a label price of its own. */
function panelChanged() {
  sliders.budget.set({ ...budgetReach, homes: budgets, value: state.budget, note: "" });
  for (const { slider, now, moved, middle } of pricesShown()) {
    const note = say("price_now", { now }) ?? say("no_price");
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
  const byPanel = Map.groupBy(priced(shown, costsOf("total")), ({ panel }) => panel);
  const frontiers = new Map(panels.map((panel) => [panel, frontiersByStrategy(byPanel.get(panel) ?? [])]));
  const plans = byPanel.get(state.panel) ?? [];
  const against = rivals(plans);
  const standings = new Map(plans.filter(({ number, better }) => against.has(number) || !better).map((plan) => {
    const rival = against.get(plan.number);
    return [plan.number, plan.better ? { ...rival, ...verdictOn(rival, plan) } : noBetter(plan.panel)];
  }));
  const panel = { plans, frontiers: frontiers.get(state.panel), standings };
  const cells = columns.cell.values.map((_, i) => i).filter((i) =>
    panels[data.panel_of[i]] === state.panel && !state.off.has(data.curveOf[i]));
  showAnswer(panel, cells);
  showCharts(panel, cells);
  winners.show((one) => frontiers.get(one), state);
  showDataCheck(state.panel.task, data.looks);
  showExamples(data.examples, state.panel, ranked(panel.frontiers, state.budget), data.plans);
  showCells(cells);
}

/** What is said against a plan that is no better than the most frequent answer. */
const noBetter = ({ constant }) => ({ constant, standing: say("no_better_standing"), mark: "faint", words: "no_better_mark" });

const costsOf = (item) => view.changed[`cost_${item}`] ?? columns[`cost_${item}`].values;

function showAnswer({ plans, frontiers }, cells) {
  const competing = cells.map((i) => ({ cell: columns.cell.values[i], feasible: columns.feasible.values[i],
    awaits: awaits(i), infeasible_reason: columns.infeasible_reason.values[i] }));
  const text = sentence({ ...state.panel, budget: state.budget }, ranked(frontiers, state.budget), competing, verdictOn);
  if (byId("answer").textContent !== text) {
    byId("answer").textContent = text;
    clearTimeout(reading);
    reading = setTimeout(() => hear(text), HEARD_AFTER);
  }
  const moving = plans.some(({ better }) => better) ? data.prices : [];
  byId("flips").replaceChildren(...moving.map((one) => element("li", { textContent: flipOf(one, plans) })));
  showMoved();
}

function flipOf({ name, noun }, plans) {
  const unitPrice = unitPrices[state.panel.now[name]];
  const now = unitPrice?.moved ?? unitPrice?.now ?? null;
  const costs = data.items.filter((item) => item.priced_by === name).map((item) => costsOf(item.name));
  const paid = (plan) => dearest(plan, (cell) => costs.reduce((sum, column) => sum + column[cell], 0));
  const better = plans.filter((plan) => plan.better);
  const nothing = say(better.length < plans.length ? "nothing_better" : "nothing_affordable", state.panel);
  return flip(noun, breakEven(better, name, state.budget, paid, now), now, nothing);
}

/** What other prices can say, and what they cannot. */
function showMoved() {
  const moved = unitPrices.filter((unitPrice) => unitPrice.moved !== null);
  byId("moved").hidden = !moved.length;
  byId("moved").textContent = say("moved", { prices: moved.map((unitPrice) => say("moved_price", unitPrice)).join(", ") });
}

function showCharts(panel, cells) {
  const infeasible = cells.filter((i) => !columns.feasible.values[i]).length;
  const awaiting = cells.filter(awaits).length;
  const unscored = cells.filter((i) => columns.feasible.values[i] && columns.score.values[i] === null).length - awaiting;
  const counts = { cells: cells.length, infeasible, awaiting, unscored };
  const why = !cells.length ? "empty_choice" : infeasible === cells.length ? "empty_infeasible"
    : infeasible + awaiting === cells.length ? "empty_awaiting" : "empty_unscored";
  const pictures = {
    frontier: frontierPicture(panel, state.budget, say(why, counts)),
    budget: budgetPicture(panel, strategies, state.budget, say(why, counts)),
  };
  const missing = ["infeasible", "awaiting", "unscored"].map((kind) => (counts[kind] ? say(kind, counts) : "")).join("");
  const bars = say(panel.plans.every((plan) => plan.score_margin === null) ? "no_bars" : "bars");
  for (const [name, picture] of Object.entries(pictures)) {
    charts[name].draw(picture);
    const marks = panel.plans.length ? `${say(`${name}_marks`)} ${bars}` : "";
    document.querySelector(`#${name} .caption`).textContent = `${say("where", state.panel)}. ${marks}${missing}`;
    const rows = picture.points.map(({ plan }) => ({ plan, standing: panel.standings.get(plan.number) }));
    if (document.querySelector(`#${name} details`).open) tables[name].show(rows);
  }
}

function showCells(cells) {
  tables.cells.show(cells.map((cell) => ({ cell })));
  byId("cells-caption").textContent = say("cells", { cells: cells.length, where: say("where", state.panel) });
}

/** Whether a cell's plan can be paid and not be measured yet. */
function awaits(cell) {
  return columns.status.values[cell] === "awaiting_labels";
}

function scoreOf(cell) {
  const score = columns.score.values[cell];
  if (!columns.feasible.values[cell]) return "infeasible";
  if (awaits(cell)) return say("not_yet_scored");
  return score === null ? "none" : write(score, "points");
}

function costOf(cell, name) {
  const usd = (view.changed[name] ?? columns[name].values)[cell];
  if (!columns.feasible.values[cell]) return "";
  return usd === null ? "not known" : write(usd, "micro_dollars");
}
