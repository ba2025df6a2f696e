// A slider on a logarithmic scale with a field for exact numbers beside it. 0 is where the slider begins.

import { element } from "./dom.js";
import { say, write } from "./wording.js";

const STEPS = 400;

export class DollarSlider {
  /** @param id of the elements  @param title what it is  @param onInput called with each new number of dollars */
  constructor(host, { id, title, onInput }) {
    this.onInput = onInput;
    this.range = element("input", { type: "range", id, min: 0, max: STEPS, step: 1 });
    this.field = element("input", { type: "number", id: `${id}-exact`, min: 0, step: "any", inputMode: "decimal" });
    this.field.setAttribute("aria-label", say("exact", { title }));
    this.title = element("label", { for: id, textContent: title });
    this.home = element("span", { className: "home" });
    this.range.addEventListener("input", () => this.#moved(this.#at(Number(this.range.value))));
    this.field.addEventListener("input", () => this.#typed());
    host.append(element("div", { className: "slider" }, element("span", { className: "said" }, this.title, this.home), this.range,
      element("span", { className: "exact" }, "$", this.field)));
  }

  /** @param homes dollars that are to be met exactly  @param value now, or null: as planned */
  set({ low, high, homes, value, note }) {
    Object.assign(this, { low, high, homes: new Map(homes.map((usd) => [this.#place(usd, low, high), usd])) });
    this.home.textContent = note;
    this.range.value = value === null ? STEPS / 2 : this.#place(value, low, high);
    this.field.value = value ?? "";
    this.#tell(value);
  }

  #place(usd, low = this.low, high = this.high) {
    return Math.min(STEPS, Math.max(0, Math.round((STEPS * Math.log(usd / low)) / Math.log(high / low))));
  }

  #at(place) {
    return this.homes.get(place) ?? Number((this.low * (this.high / this.low) ** (place / STEPS)).toPrecision(3));
  }

  #typed() {
    const typed = Number(Number(this.field.value).toPrecision(6));
    const usable = this.field.value.trim() !== "" && Number.isFinite(typed) && typed >= 0;
    this.field.setAttribute("aria-invalid", String(!usable));
    if (!usable) return;
    this.range.value = this.#place(typed);
    this.#tell(typed);
    this.onInput(typed);
  }

  #moved(usd) {
    this.field.value = usd;
    this.field.setAttribute("aria-invalid", "false");
    this.#tell(usd);
    this.onInput(usd);
  }

  #tell(usd) {
    this.range.setAttribute("aria-valuetext", usd === null ? say("as_planned") : write(usd, "price"));
  }
}
