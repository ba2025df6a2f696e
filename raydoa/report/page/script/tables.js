// Tables of many rows, a page at a time.

import { element } from "./dom.js";
import { write } from "./wording.js";

const ROWS = 15;

export class PagedTable {
  /** @param columns {title, text(row), number?, open?(row)}: what opens is a button */
  constructor(host, caption, columns) {
    this.columns = columns;
    this.page = 0;
    this.rows = [];
    this.body = element("tbody");
    const heads = columns.map(({ title, number }) =>
      element("th", { scope: "col", textContent: title, className: number ? "number" : "" }));
    const table = element("table", {},
      element("caption", { className: "unseen", textContent: caption }),
      element("thead", {}, element("tr", {}, ...heads)), this.body);
    this.back = this.#turner("Previous", -1);
    this.on = this.#turner("Next", 1);
    this.position = element("span");
    this.pager = element("p", { className: "pager" }, this.back, this.position, this.on);
    host.append(element("div", { className: "wide", tabIndex: 0, role: "region", "aria-label": caption }, table), this.pager);
  }

  show(rows) {
    this.rows = rows;
    this.#fill();
  }

  #turner(label, by) {
    const turn = () => {
      this.page += by;
      this.#fill();
    };
    return element("button", { type: "button", textContent: label, onclick: turn });
  }

  #fill() {
    const pages = Math.max(1, Math.ceil(this.rows.length / ROWS));
    this.page = Math.min(this.page, pages - 1);
    const first = this.page * ROWS;
    const shown = this.rows.slice(first, first + ROWS);
    this.body.replaceChildren(...shown.map((row) => this.#line(row)));
    this.position.textContent = `${first + Math.min(1, shown.length)} to ${first + shown.length} of ${write(this.rows.length, "count")}`;
    this.back.disabled = this.page === 0;
    this.on.disabled = this.page === pages - 1;
    this.pager.hidden = pages === 1;
  }

  #line(row) {
    const cells = this.columns.map(({ text, number, open }, i) => {
      const shown = open
        ? element("button", { type: "button", className: "link", textContent: text(row), onclick: () => open(row) })
        : text(row);
      const scope = i === 0 ? { scope: "row" } : {};
      return element(i === 0 ? "th" : "td", { ...scope, className: number ? "number" : "" }, shown);
    });
    return element("tr", {}, ...cells);
  }
}
