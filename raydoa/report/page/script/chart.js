// A chart of points and step lines against dollars, on uPlot: axes, scales and lines are its work; markers, bars and
// what pointer and keyboard do are here.

import { element, styleOf } from "./dom.js";
import { say, write } from "./wording.js";

const HEIGHT = 340;
const NEAR = 28; // CSS pixels from the pointer to a point that it means.

export class Chart {
  /** @param lines colours, as CSS properties, one per step line
   *  @param onOpen what to do with a point that is clicked @param onHear called with what the keyboard has reached */
  constructor(host, { title, lines, onOpen, onHear }) {
    Object.assign(this, { host, title, lines, onOpen, onHear, points: [], at: -1, reach: [0.1, 1], zero: null, span: [0, 1] });
    this.ring = element("div", { className: "ring", hidden: true });
    this.tip = element("div", { className: "tip", hidden: true });
    this.empty = element("p", { className: "empty", hidden: true });
    host.tabIndex = 0;
    host.setAttribute("role", "application");
    host.setAttribute("aria-roledescription", "chart");
    this.plot = new uPlot(this.#options(), [[], ...lines.map(() => [])], host);
    this.plot.over.append(this.ring);
    host.append(this.tip, this.empty);
    this.#listen();
    new ResizeObserver(() => this.#fit()).observe(host);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.plot.redraw(false));
  }

  /** @param points {x, y, low, high, look, weight, text, plan}; weight is "full", "hollow" or "faint", text gives lines
   *  @param lines as many as there are colours: [[x, y], ...], by x, or nothing
   *  @param budget where to draw the line of the budget  @param reach x from and to  @param zero where $0 stands, or null
   *  @param span y from and to */
  draw({ points, lines, budget, reach, zero, span, empty }) {
    Object.assign(this, { points, budget, reach, zero, span });
    this.#leave();
    this.empty.hidden = points.length > 0;
    this.empty.textContent = empty;
    this.plot.root.style.visibility = points.length ? "visible" : "hidden";
    const label = points.length ? say("keys", { title: this.title, points: points.length }) : empty;
    this.host.setAttribute("aria-label", label);
    const xs = [...new Set(lines.flat().map(([x]) => x))].sort((a, b) => a - b);
    const ys = lines.map((line) => {
      const at = new Map(line);
      return xs.map((x) => at.get(x) ?? null);
    });
    this.plot.setData([xs, ...ys]);
  }

  #options() {
    const text = () => styleOf("--soft");
    const axis = {
      stroke: text,
      font: "12px system-ui, sans-serif",
      labelFont: "12px system-ui, sans-serif",
      grid: { stroke: () => styleOf("--grid"), width: 1 },
      ticks: { stroke: () => styleOf("--grid"), width: 1 },
    };
    return {
      width: Math.max(280, this.host.clientWidth),
      height: HEIGHT,
      padding: [14, 18, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false, distr: 3, range: () => this.reach }, y: { range: () => this.span } },
      axes: [
        {
          ...axis,
          label: say("dollars_axis"),
          splits: () => ticksFrom(this.zero, this.reach, this.plot.width),
          filter: (_, splits) => splits,
          size: 34,
          labelSize: 22,
          values: (_, splits) => splits.map((usd) => write(usd === this.zero ? 0 : usd, "price")),
        },
        { ...axis, label: say("score_axis"), size: 46, labelSize: 22, values: (_, splits) => splits.map((y) => String(y)) },
      ],
      series: [
        {},
        ...this.lines.map((colour) => ({
          stroke: () => styleOf(colour),
          width: 2,
          spanGaps: true,
          points: { show: false },
          paths: uPlot.paths.stepped({ align: 1 }),
        })),
      ],
      hooks: { drawAxes: [() => this.#drawBudget()], draw: [() => this.#drawPoints()] },
    };
  }

  #position({ x, y }, onCanvas = true) {
    return [this.plot.valToPos(x, "x", onCanvas), this.plot.valToPos(y, "y", onCanvas)];
  }

  #drawBudget() {
    const { ctx, bbox } = this.plot;
    if (!(this.budget >= this.reach[0] && this.budget <= this.reach[1])) return;
    const x = this.plot.valToPos(this.budget, "x", true);
    ctx.save();
    Object.assign(ctx, { strokeStyle: styleOf("--text"), lineWidth: devicePixelRatio, fillStyle: styleOf("--text") });
    ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const right = x > bbox.left + bbox.width / 2;
    Object.assign(ctx, { font: `${12 * devicePixelRatio}px system-ui, sans-serif`, textBaseline: "top" });
    ctx.textAlign = right ? "right" : "left";
    ctx.fillText("budget", x + (right ? -5 : 5) * devicePixelRatio, bbox.top + 2 * devicePixelRatio);
    ctx.restore();
  }

  #drawPoints() {
    const { ctx } = this.plot;
    const colours = new Map();
    for (const { look } of this.points) colours.set(look.colour, styleOf(look.colour));
    const size = (this.points.length > 300 ? 3.4 : 5) * devicePixelRatio;
    const paper = styleOf("--paper");
    ctx.save();
    for (const point of this.points) {
      const [x, y] = this.#position(point);
      const colour = colours.get(point.look.colour);
      Object.assign(ctx, { strokeStyle: colour, globalAlpha: point.weight === "faint" ? 0.5 : 1 });
      if (point.low !== null) this.#drawBar(x, point);
      ctx.fillStyle = point.weight === "full" ? colour : paper;
      ctx.translate(x, y);
      ctx.scale(size, size);
      ctx.lineWidth = 0.36;
      const outline = outlineOf(point.look.marker);
      ctx.fill(outline);
      ctx.stroke(outline);
      ctx.setTransform(1, 0, 0, 1, 0, 0);
    }
    ctx.restore();
  }

  #drawBar(x, { low, high }) {
    const { ctx } = this.plot;
    const [top, bottom] = [high, low].map((y) => this.plot.valToPos(y, "y", true));
    const cap = 3 * devicePixelRatio;
    ctx.lineWidth = 1.2 * devicePixelRatio;
    ctx.beginPath();
    for (const y of [top, bottom]) {
      ctx.moveTo(x - cap, y);
      ctx.lineTo(x + cap, y);
    }
    ctx.moveTo(x, top);
    ctx.lineTo(x, bottom);
    ctx.stroke();
  }

  #listen() {
    const { over } = this.plot;
    over.addEventListener("pointermove", (event) => this.#show(this.#nearest(event)));
    over.addEventListener("pointerdown", (event) => this.#show(this.#nearest(event)));
    over.addEventListener("pointerleave", () => this.#leave());
    over.addEventListener("click", (event) => this.#open(this.#nearest(event)));
    this.host.addEventListener("keydown", (event) => this.#key(event));
    this.host.addEventListener("blur", () => this.#leave());
  }

  #key(event) {
    const last = this.points.length - 1;
    const by = { ArrowRight: this.at + 1, ArrowLeft: this.at - 1, Home: 0, End: last };
    if (event.key === "Enter") {
      event.preventDefault(); // Else it would press the button that has the focus once the ledger is open.
      this.#open(this.at);
    } else if (event.key === "Escape") this.#leave();
    else if (event.key in by && last >= 0) {
      event.preventDefault();
      this.#show(Math.min(last, Math.max(0, by[event.key])));
      this.onHear(this.points[this.at].text().join(". "));
    }
  }

  #nearest({ offsetX, offsetY }) {
    let [nearest, least] = [-1, NEAR];
    this.points.forEach((point, i) => {
      const [x, y] = this.#position(point, false);
      const distance = Math.hypot(x - offsetX, y - offsetY);
      if (distance < least) [nearest, least] = [i, distance];
    });
    return nearest;
  }

  #show(at) {
    if (at < 0) return this.#leave();
    this.at = at;
    const point = this.points[at];
    const [x, y] = this.#position(point, false);
    this.ring.style.translate = `${x}px ${y}px`;
    this.tip.replaceChildren(...point.text().map((line) => element("p", { textContent: line })));
    this.ring.hidden = this.tip.hidden = false;
    this.plot.over.style.cursor = "pointer";
    const left = this.plot.over.offsetLeft + x + 14;
    const top = this.plot.over.offsetTop + y + 14;
    const { offsetWidth: width, offsetHeight: height } = this.tip;
    const room = this.host.clientWidth - width;
    this.tip.style.left = `${Math.max(0, Math.min(left, room))}px`;
    this.tip.style.top = `${top + height > HEIGHT ? Math.max(0, top - height - 28) : top}px`;
    return undefined;
  }

  #leave() {
    this.at = -1;
    this.ring.hidden = this.tip.hidden = true;
    this.plot.over.style.cursor = "";
  }

  #open(at) {
    if (at >= 0) this.onOpen(this.points[at].plan);
  }

  #fit() {
    const width = this.host.clientWidth;
    if (width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
  }
}

const outlines = new Map();

function outlineOf(path) {
  if (!outlines.has(path)) outlines.set(path, new Path2D(path));
  return outlines.get(path);
}

/** Round dollars on the axis, and where $0 stands. */
function ticksFrom(zero, [low, high], width) {
  return zero === null ? dollarTicks([low, high], width) : [zero, ...dollarTicks([2 * zero, high], width)];
}

/** Round dollars between two: 1, 2 and 5 of each power of ten, or fewer where there is no room. */
function dollarTicks([low, high], width) {
  const most = Math.max(2, Math.floor((width - 80) / 70));
  const powers = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) powers.push(power);
  const ticks = (factors, powersUsed) =>
    powersUsed.flatMap((power) => factors.map((f) => Number(`${f}e${power}`))).filter((x) => x >= low && x <= high);
  const finer = [[1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 5], [1, 2, 5], [1, 3], [1]].map((f) => ticks(f, powers));
  const fitting = finer.find((candidate) => candidate.length <= most);
  return fitting ?? ticks([1], powers.filter((_, i) => i % Math.ceil(powers.length / most) === 0));
}
