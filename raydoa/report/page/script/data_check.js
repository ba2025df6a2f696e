// The look at the rows of a task, which a sweep leaves beside its results.

import { byId, element } from "./dom.js";
import { say, write } from "./wording.js";

const list = (lines, className = "") =>
  lines.length ? [element("ul", { className }, ...lines.map((textContent) => element("li", { textContent })))] : [];

/** Show the looks at a task; there are several where sweeps had other rows of it. */
export function showDataCheck(task, looks) {
  const host = byId("data-check");
  if (host.dataset.task === task) return;
  host.dataset.task = task;
  const ofTask = looks.filter((look) => look.task === task);
  host.replaceChildren(...(ofTask.length ? ofTask.flatMap(shown) : [none()]));
}

const none = () => element("p", { className: "caption", textContent: say("no_look") });

function shown(look) {
  const counts = Object.entries(look.counts).map(([what, count]) => `${write(count, "count")} ${what}`).join(", ");
  return [
    element("p", { textContent: say("look", { ...look, counts }) }),
    ...list(look.wrong, "caution"),
    ...balance(look.classes),
    ...list([...look.sizes, ...look.notes, ...look.odd.map(({ line, quoted }) => line + quoted)], "lines"),
  ];
}

/** The classes of labelled and test rows, the most frequent of the first part first. */
function balance(classes) {
  const parts = Object.keys(classes);
  if (!parts.length) return [];
  const names = [...new Set(parts.flatMap((part) => Object.keys(classes[part])))];
  const totals = Object.fromEntries(parts.map((part) => [part, Object.values(classes[part]).reduce((sum, n) => sum + n, 0)]));
  const share = (part, name) => (classes[part][name] ?? 0) / (totals[part] || 1);
  const heads = ["class", ...parts].map((textContent, i) => element("th", { scope: "col", textContent, className: i ? "number" : "" }));
  const rows = names.map((name) => element("tr", {}, element("th", { scope: "row", textContent: name }),
    ...parts.map((part) => element("td", { className: "number",
      textContent: say("class_share", { count: classes[part][name] ?? 0, share: share(part, name) }) }))));
  return [element("div", { className: "wide", tabIndex: 0, role: "region", "aria-label": say("balance") },
    element("table", {}, element("caption", { className: "unseen", textContent: say("balance") }),
      element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows)))];
}
