// Rows that the best plan gets right and its rival wrong, and the other way round; and which classes each mistakes.

import { byId, element } from "./dom.js";
import { say, write } from "./wording.js";

const MOST_SHADE = 45; // Percent of the accent's colour behind a number: more would be hard to read on.
const KINDS = ["both", "first", "second", "none"];

/** Show the pair of plans that the sentence is about; where its answers are not there, another one of its task and N.
 *  @param best plans for at most the budget, one a strategy, the best first */
export function showExamples({ pairs, why, texts }, panel, best, plans) {
  const [first, ...others] = best;
  const rival = others.reduce((least, plan) => (least && least.as_rival < plan.as_rival ? least : plan), null);
  const here = pairs.filter(({ task, n }) => task === panel.task && n === panel.n);
  const asked = here.find((pair) => pair.plan === first?.number && pair.rival === rival?.number);
  const pair = asked ?? here[0];
  const host = byId("examples");
  const shown = pair ? `${pair.plan} ${pair.rival} ${pair === asked}` : "none";
  if (host.dataset.shown === shown) return; // What somebody has closed stays closed while a slider moves.
  host.dataset.shown = shown;
  if (!pair) return host.replaceChildren(note(why ?? say("no_pair")));
  const elsewhere = asked ? [] : [element("p", { className: "caution", textContent: say("other_question", pair) })];
  host.replaceChildren(...elsewhere, ...told(pair, [plans[pair.plan], plans[pair.rival]], texts));
}

const note = (textContent) => element("p", { className: "caption", textContent });

function told(pair, plans, texts) {
  const names = plans.map((plan) => say("plan", plan));
  const [first, second] = plans.map(({ strategy }) => strategy);
  return [
    element("p", { textContent: say("pair", { ...pair, best: names[0], rival: names[1] }) }),
    counts(pair, first, second),
    ...(pair.confusion ? confusion(pair.confusion, names) : []),
    ...(texts ? [...only(pair, 0, first, second), ...only(pair, 1, first, second)] : [note(say("no_texts"))]),
  ];
}

function counts({ right, rows }, first, second) {
  return element("dl", { className: "counts" }, ...KINDS.flatMap((kind) => [
    element("dt", { textContent: say(`right_${kind}`, { first, second }) }),
    element("dd", { textContent: say("class_share", { count: right[kind], share: right[kind] / rows }) })]));
}

/** Rows that only one of the two has right: the first for 0, the second for 1. */
function only(pair, which, first, second) {
  const rows = pair.examples[which];
  if (!rows.length) return [];
  const [right, wrong, total] = which ? [second, first, pair.right.second] : [first, second, pair.right.first];
  const summary = say("only", { right, wrong, total, shown: rows.length });
  const items = rows.map((row) => element("li", {},
    element("p", { className: "source", textContent: row.source }),
    element("p", { className: "said" },
      answer(say("right_answer"), row.target), answer(first, row.first), answer(second, row.second))));
  return [element("details", { open: true }, element("summary", { textContent: summary }),
    element("div", { className: "box", tabIndex: 0, role: "region", "aria-label": summary }, element("ol", {}, ...items)))];
}

const answer = (who, text) =>
  element("span", {}, element("span", { className: "who", textContent: `${who} ` }), text || say("empty_answer"));

function confusion({ gold, said, tables }, names) {
  return [element("h3", { textContent: say("confusion") }),
    element("div", { className: "confusions" }, ...tables.map((table, i) => matrix(table, gold, said, names[i])))];
}

function matrix(table, gold, said, name) {
  const heads = ["", ...said].map((textContent, i) => element("th", { scope: "col", textContent, className: i ? "number" : "" }));
  const rows = table.map((line, i) => {
    const total = line.reduce((sum, count) => sum + count, 0) || 1;
    return element("tr", {}, element("th", { scope: "row", textContent: gold[i] }), ...line.map((count, j) => {
      const cell = element("td", { className: gold[i] === said[j] ? "number hit" : "number", textContent: write(count, "count") });
      cell.style.setProperty("--share", `${Math.round((MOST_SHADE * count) / total)}%`);
      return cell;
    }));
  });
  return element("figure", {}, element("figcaption", { className: "caption", textContent: name }),
    element("div", { className: "wide", tabIndex: 0, role: "region", "aria-label": say("confusion_of", { name }) },
      element("table", { className: "confusion" }, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows))));
}
