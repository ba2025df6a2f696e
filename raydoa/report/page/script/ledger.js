// The ledger of one cell: what was bought, at which price, what it took, and under which keys it lies in the store.

import { byId, element } from "./dom.js";
import { fill, say, write } from "./wording.js";

/** Open the ledger of a cell.
 *  @param view {columns, changed, items, prices, unitPrices, words}: cells, columns at the prices of the sliders, what is priced
 *  @param siblings cells of the same plan */
export function openLedger(cell, view, siblings) {
  const of = (name) => view.columns[name].values[cell];
  const now = (name) => (view.changed[name] ?? view.columns[name].values)[cell];
  byId("ledger-content").replaceChildren(
    element("h2", { id: "ledger-title", textContent: of("cell") }),
    ...(of("infeasible_reason") === null ? [] : [why(of)]),
    ...(of("feasible") ? [paid(of, now, view)] : []),
    facts(of("feasible"), now, view),
    ...others(cell, view, siblings),
  );
  const dialog = byId("ledger");
  if (!dialog.open) dialog.showModal();
}

/** Why a cell was not measured: it is infeasible, or its plan awaits something. */
function why(of) {
  const said = of("feasible") ? "not_yet" : "not_feasible";
  return element("p", { textContent: say(said, { infeasible_reason: of("infeasible_reason") }) });
}

function paid(of, now, view) {
  const moved = "cost_total" in view.changed;
  const heads = ["item", "quantity", "unit price", "dollars", ...(moved ? ["at these prices"] : []),
    "GPU-seconds, planned", "and measured"];
  const usd = (value) => (value === null ? "not known" : write(value, "micro_dollars"));
  const dollarsOf = (name) => [usd(of(name)), ...(moved ? [usd(now(name))] : [])];
  const rows = view.items.map((item) =>
    line(item.title, [quantity(item, of), unitPrice(item, of, view), ...dollarsOf(`cost_${item.name}`), ...work(item, of)], item.name));
  const totals = ["", "", ...dollarsOf("cost_total"), "", ""];
  return element("div", { className: "wide", tabIndex: 0, role: "region", "aria-label": "Ledger" },
    element("table", {},
      element("thead", {}, element("tr", {}, ...heads.map((head, i) =>
        element("th", { scope: "col", textContent: head, className: i ? "number" : "" })))),
      element("tbody", {}, ...rows, line("total, standalone", totals, "total"))));
}

const quantity = ({ column, unit }, of) => (of(column) ? say("quantity", { quantity: of(column), unit }) : "none");

/** GPU-seconds, planned and measured. */
function work({ name }, of) {
  const [seconds, basis] = [of(`gpu_seconds_${name}`), of(`basis_${name}`)];
  return [seconds ? `${number(seconds)}${basis ? ` (${basis})` : ""}` : "", number(of(`measured_gpu_seconds_${name}`))];
}

/** The price here; where that is not known, nothing. */
function unitPrice(item, of, { prices, unitPrices }) {
  const { name, scope } = prices.find((each) => each.name === item.priced_by);
  const value = scope === null ? "" : of(scope);
  const { moved, now, unit } = unitPrices.find((each) => each.price === name && each.value === value);
  return say("unit_price", { usd: moved ?? now, unit }) ?? "";
}

function line(head, values, item) {
  const row = element("tr", { "data-item": item }, element("th", { scope: "row", textContent: head }));
  row.append(...values.map((value) => element("td", { className: "number", textContent: value })));
  return row;
}

function facts(feasible, now, { columns, words }) {
  const values = Object.fromEntries(Object.keys(columns).map((name) => [name, now(name)]));
  const told = words.facts.filter(({ measured }) => feasible || !measured)
    .map(({ title, text, lacking }) => [title, fill(text, values) ?? lacking ?? null]);
  return element("dl", {}, ...told.filter(([, text]) => text !== null).flatMap(([title, text]) =>
    [element("dt", { textContent: title }), element("dd", { textContent: text })]));
}

function others(cell, view, siblings) {
  const rest = siblings.filter((other) => other !== cell);
  if (!rest.length) return [];
  const buttons = rest.map((other) => element("li", {}, element("button", { type: "button", className: "link",
    textContent: view.columns.cell.values[other], onclick: () => openLedger(other, view, siblings) })));
  return [element("h3", { textContent: "Cells of the same plan" }), element("ul", {}, ...buttons)];
}

const number = (value) => (value === null ? "" : write(value, "quantity"));
