// What is looked at: a task, an N, and the curves that are compared.

import { byId, element, marker } from "./dom.js";
import { write } from "./wording.js";

/** Fill the filters and keep `state` as they are; `onChange` is called at each change. */
export function showFilters(panels, curves, state, onChange) {
  const tasks = byId("task");
  tasks.replaceChildren(...[...new Set(panels.map(({ task }) => task))].map((task) => new Option(task, task)));
  tasks.addEventListener("change", () => {
    const there = panels.filter((panel) => panel.task === tasks.value);
    choosePanel(panels, state, there.find((panel) => panel.n === state.panel.n) ?? there[0]);
    onChange();
  });
  byId("n").addEventListener("change", (event) => {
    state.panel = panels.find(({ task, n }) => task === state.panel.task && n === Number(event.target.value));
    onChange();
  });
  byId("curves").append(...curves.map((curve) => {
    const box = element("input", { type: "checkbox", checked: true });
    box.addEventListener("change", () => {
      state.off[box.checked ? "delete" : "add"](curve);
      onChange();
    });
    return element("label", {}, box, marker(curve), element("span", { textContent: curve.label }));
  }));
  choosePanel(panels, state, state.panel);
}

/** Look at one of the panels, {task, n}. */
export function choosePanel(panels, state, panel) {
  state.panel = panel;
  byId("task").value = panel.task;
  const there = panels.filter(({ task }) => task === panel.task);
  byId("n").replaceChildren(...there.map((one) => new Option(write(one.n, "count"), one.n)));
  byId("n").value = panel.n;
}
