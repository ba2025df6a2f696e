// Who wins where: a row per task and N, a column per budget; each field can be chosen to look at.

import { byId, element, marker } from "./dom.js";
import { ranked } from "./plans.js";
import { say, write } from "./wording.js";

export class Winners {
  /** @param onChoose called with a panel and a budget */
  constructor({ panels, budgets, curves, verdictOn }, onChoose) {
    Object.assign(this, { curves, verdictOn, fields: [] });
    const heads = ["task", "N", ...budgets.map((budget) => write(budget, "dollars"))].map((textContent) =>
      element("th", { scope: "col", textContent }));
    const rows = panels.map((panel) => element("tr", {},
      element("th", { scope: "row", textContent: panel.task }), element("td", { textContent: write(panel.n, "count") }),
      ...budgets.map((budget) => element("td", {}, this.#field(panel, budget, onChoose)))));
    const table = element("table", {},
      element("caption", { className: "unseen", textContent: "The best strategy per task, N and budget" }),
      element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows));
    byId("winners").append(table);
  }

  #field(panel, budget, onChoose) {
    const button = element("button", { type: "button", className: "field", onclick: () => onChoose(panel, budget) });
    this.fields.push({ panel, budget, button, text: null });
    return button;
  }

  /** @param frontiersOf the frontiers by strategy of a panel  @param chosen the panel and budget that are looked at */
  show(frontiersOf, chosen) {
    for (const field of this.fields) {
      const { panel, budget, button } = field;
      const [first, next] = ranked(frontiersOf(panel), budget);
      const best = first?.better ? first : null;
      const doubt = best && next && !this.verdictOn(best, next).sure ? "?" : "";
      const text = best ? say("winner", { ...best, doubt }) : say("no_winner");
      button.setAttribute("aria-pressed", String(panel === chosen.panel && budget === chosen.budget));
      if (text === field.text) continue;
      field.text = text;
      // A strategy as a whole looks like its first curve.
      const look = best ? this.curves.find((curve) => curve.strategy === best.strategy) : null;
      button.replaceChildren(...(look ? [marker(look)] : []), text);
    }
  }
}
