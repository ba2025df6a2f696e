// The ledger of one cell: what was bought, at which price, what it took, and under which keys it lies in the store.

import { byId, element } from "./dom.js";
import { count, dollars, exactDollars, fixed, price } from "./numbers.js";

/** Open the ledger of a cell.
 *  @param view {columns, changed, items, prices, unitPrices}: cells, columns at the prices of the sliders, what is priced
 *  @param siblings cells of the same plan */
export function openLedger(cell, view, siblings) {
  const of = (name) => view.columns[name].values[cell];
  byId("ledger-content").replaceChildren(
    element("h2", { id: "ledger-title", textContent: of("cell") }),
    ...(of("feasible") ? paid(cell, of, view) : [element("p", { textContent: `Unaffordable: ${of("infeasible_reason")}` })]),
    facts(cell, of, view),
    ...others(cell, view, siblings),
  );
  const dialog = byId("ledger");
  if (!dialog.open) dialog.showModal();
}

function paid(cell, of, view) {
  const moved = "cost_total" in view.changed;
  const heads = ["item", "quantity", "unit price", "dollars", ...(moved ? ["at these prices"] : []),
    "GPU-seconds, planned", "and measured"];
  const usd = (value) => (value === null ? "not known" : exactDollars(value));
  const dollarsOf = (name) => [usd(of(name)), ...(moved ? [usd(at(cell, name, view))] : [])];
  const rows = view.items.map((item) =>
    line(item.title, [quantity(item, of), unitPrice(item, of, view), ...dollarsOf(`cost_${item.name}`), ...work(item, of)], item.name));
  const totals = ["", "", ...dollarsOf("cost_total"), "", ""];
  return [element("div", { className: "wide", tabIndex: 0, role: "region", "aria-label": "Ledger" },
    element("table", {},
      element("thead", {}, element("tr", {}, ...heads.map((head, i) =>
        element("th", { scope: "col", textContent: head, className: i ? "number" : "" })))),
      element("tbody", {}, ...rows, line("total, standalone", totals, "total"))))];
}

const quantity = ({ column, unit }, of) => (of(column) ? `${count(of(column))} ${unit}s` : "none");

/** GPU-seconds, planned and measured. */
function work({ name }, of) {
  const [seconds, basis] = [of(`gpu_seconds_${name}`), of(`basis_${name}`)];
  return [seconds ? `${number(seconds)}${basis ? ` (${basis})` : ""}` : "", number(of(`measured_gpu_seconds_${name}`))];
}

/** The price here; where that is not known, nothing. */
function unitPrice(item, of, { prices, unitPrices }) {
  const { name, scope, unit } = prices.find((each) => each.name === item.price);
  const value = scope === null ? "" : of(scope);
  const { moved, now } = unitPrices.find((each) => each.price === name && each.value === value);
  const usd = moved ?? now;
  return usd === null ? "" : `${price(usd)} per ${unit}`;
}

function line(head, values, item) {
  const row = element("tr", { "data-item": item }, element("th", { scope: "row", textContent: head }));
  row.append(...values.map((value) => element("td", { className: "number", textContent: value })));
  return row;
}

function facts(cell, of, view) {
  const points = (name) => (of(name) === null ? null : fixed(100 * of(name), 2));
  const interval = of("score_low") === null ? null
    : `${points("score_low")} to ${points("score_high")} (bootstrap over test rows; the luck of the training is not in it)`;
  const usd = (name) => (at(cell, name, view) === null ? "not known at these prices" : exactDollars(at(cell, name, view)));
  const measured = of("feasible")
    ? { "score, strict": points("score") ?? "none", "its interval": interval, "score as in the paper": points("score_paper"),
        "teacher’s score": points("teacher_score"), unspent: usd("unspent"), incurred: usd("cost_incurred"),
        kgCO2e: number(of("kgco2e")) }
    : {};
  const named = {
    strategy: of("strategy"), "planned for a budget of": dollars(of("budget")), "labels owned (N)": count(of("n")),
    teacher: of("teacher"), student: of("student"), seed: String(of("seed")), repeat: of("repeat") ? String(of("repeat")) : null,
    ...measured, "price book": at(cell, "prices", view), "prices scaled": of("prices_scaled"), accelerator: of("accelerator"),
    region: of("region"), plan: of("plan"), "student’s key": of("key_student"), "teacher’s key": of("key_teacher"),
    "evaluation’s key": of("key_evaluation"),
  };
  const kept = Object.entries(named).filter(([, value]) => value !== null);
  return element("dl", {}, ...kept.flatMap(([name, value]) =>
    [element("dt", { textContent: name }), element("dd", { textContent: value })]));
}

function others(cell, view, siblings) {
  const rest = siblings.filter((other) => other !== cell);
  if (!rest.length) return [];
  const buttons = rest.map((other) => element("li", {}, element("button", { type: "button", className: "link",
    textContent: view.columns.cell.values[other], onclick: () => openLedger(other, view, siblings) })));
  return [element("h3", { textContent: "Cells of the same plan" }), element("ul", {}, ...buttons)];
}

const at = (cell, name, { columns, changed }) => (changed[name] ?? columns[name].values)[cell];

const number = (value) => (value === null ? "" : String(Number(value.toPrecision(4))));
