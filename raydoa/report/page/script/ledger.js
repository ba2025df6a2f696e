// The ledger of one cell: what was bought, at which price, what it took, and under which keys it lies in the store.

import { byId, element } from "./dom.js";
import { count, dollars, exactDollars, fixed, price } from "./numbers.js";
import { COMPUTING } from "./reprice.js";

const ITEMS = { labels: "labels bought", teacher: "teacher’s fine-tuning", pseudo_labels: "pseudo-labels",
  student: "student’s training", llm: "LLM tokens" };
const UNITS = { labels: "labels", teacher: "steps", pseudo_labels: "rows", student: "steps", llm: "" };

/** Open the ledger of a cell.
 *  @param view {columns, changed, prices, now}: cells, columns at the prices of the sliders, those, the sweep's
 *  @param siblings cells of the same plan */
export function openLedger(cell, view, siblings) {
  const of = (name) => view.columns[name].values[cell];
  byId("ledger-content").replaceChildren(
    element("h2", { id: "ledger-title", textContent: of("cell") }),
    ...(of("feasible") ? paid(cell, of, view) : [element("p", { textContent: `Cannot be paid: ${of("infeasible_reason")}` })]),
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
  const rows = Object.keys(ITEMS).filter((item) => item !== "llm" || of("cost_llm") > 0).map((item) => {
    const [quantity, planned, measured] = work(item, of);
    return line(ITEMS[item], [quantity, unitPrice(item, of, view), ...dollarsOf(`cost_${item}`), planned, measured], item);
  });
  const totals = ["", "", ...dollarsOf("cost_total"), "", ""];
  return [element("div", { className: "wide", tabIndex: 0, role: "region", "aria-label": "Ledger" },
    element("table", {},
      element("thead", {}, element("tr", {}, ...heads.map((head, i) =>
        element("th", { scope: "col", textContent: head, className: i ? "number" : "" })))),
      element("tbody", {}, ...rows, line("total, standalone", totals, "total"))))];
}

function work(item, of) {
  if (item === "labels") return [`${count(of("labels"))} ${UNITS.labels}`, "", ""];
  if (item === "llm") return ["", number(of("gpu_seconds_llm")), ""];
  const quantity = of(COMPUTING[item]);
  const basis = of(`basis_${item}`);
  const planned = quantity ? `${number(of(`gpu_seconds_${item}`))}${basis ? ` (${basis})` : ""}` : "";
  return [quantity ? `${count(quantity)} ${UNITS[item]}` : "none", planned, number(of(`measured_gpu_seconds_${item}`))];
}

/** The price here; where the sweep's is not known, what its dollars come to. */
function unitPrice(item, of, { prices, now }) {
  if (item === "llm") return "";
  const label = item === "labels";
  const [moved, sweeps] = label
    ? [prices.label[of("task")], now.label[of("task")]]
    : [prices.gpu[of("accelerator")], now.gpu_hour[of("accelerator")]];
  const usd = moved ?? sweeps;
  return usd === null ? "" : `${price(usd)} per ${label ? "label" : "GPU-hour"}`;
}

function line(head, values, item) {
  const row = element("tr", { "data-item": item }, element("th", { scope: "row", textContent: head }));
  row.append(...values.map((value) => element("td", { className: "number", textContent: value })));
  return row;
}

function facts(cell, of, view) {
  const points = (name) => (of(name) === null ? null : fixed(100 * of(name), 2));
  const interval = of("score_low") === null ? null : `${points("score_low")} to ${points("score_high")} (bootstrap over test rows)`;
  const usd = (name) => (at(cell, name, view) === null ? "not known at these prices" : exactDollars(at(cell, name, view)));
  const measured = of("feasible")
    ? { "score, strict": points("score") ?? "none", "its interval": interval, "score as in the paper": points("score_paper"),
        "teacher’s score": points("teacher_score"), unspent: usd("unspent"), incurred: usd("cost_incurred"),
        kgCO2e: number(of("kgco2e")) }
    : {};
  const told = {
    strategy: of("strategy"), "planned for a budget of": dollars(of("budget")), "labels owned (N)": count(of("n")),
    teacher: of("teacher"), student: of("student"), seed: String(of("seed")), repeat: of("repeat") ? String(of("repeat")) : null,
    ...measured, "price book": at(cell, "prices", view), "prices scaled": of("prices_scaled"), accelerator: of("accelerator"),
    region: of("region"), "student’s key": of("key_student"), "teacher’s key": of("key_teacher"),
    "evaluation’s key": of("key_evaluation"),
  };
  const kept = Object.entries(told).filter(([, value]) => value !== null);
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
