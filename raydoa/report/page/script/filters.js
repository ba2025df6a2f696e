// What is looked at: a task, an N, and the curves that are compared.

import { byId, element, marker } from "./dom.js";
import { count } from "./numbers.js";

const different = (values) => [...new Set(values)];

/** The panels of all cells, sorted: {task, n}. */
export function panelsOf({ columns }) {
  const [tasks, owned] = [columns.task.values, columns.n.values];
  return different(tasks).sort().flatMap((task) =>
    different(owned.filter((_, i) => tasks[i] === task)).sort((a, b) => a - b).map((n) => ({ task, n })));
}

/** Fill the filters and keep `state` as they are; `onChange` is called at each change. */
export function showFilters(panels, curves, state, onChange) {
  const tasks = byId("task");
  tasks.replaceChildren(...different(panels.map(({ task }) => task)).map((task) => new Option(task, task)));
  tasks.addEventListener("change", () => {
    choosePanel(panels, state, { task: tasks.value, n: state.n });
    onChange();
  });
  byId("n").addEventListener("change", (event) => {
    state.n = Number(event.target.value);
    onChange();
  });
  byId("curves").append(...[...curves].map((curve) => {
    const box = element("input", { type: "checkbox", checked: true });
    box.addEventListener("change", () => {
      state.off[box.checked ? "delete" : "add"](curve);
      onChange();
    });
    return element("label", {}, box, marker(curve), element("span", { textContent: curve.label }));
  }));
  choosePanel(panels, state, state);
}

/** Look at a task, and at an N that it has. */
export function choosePanel(panels, state, { task, n }) {
  const owned = panels.filter((panel) => panel.task === task).map((panel) => panel.n);
  state.task = task;
  state.n = owned.includes(n) ? n : owned[0];
  byId("task").value = task;
  byId("n").replaceChildren(...owned.map((value) => new Option(count(value), value)));
  byId("n").value = state.n;
}
