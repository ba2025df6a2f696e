// Curves (a strategy with one of its teachers), and how they look: a colour and a marker each, in both schemes.

import { shortName } from "./numbers.js";

const FIXED = { annotate: 0, self_distill: 1 };
const OTHERS = 6; // Colours in page.css after the fixed ones.

/** Outlines in a square of 2 x 2 around 0, as SVG paths, which a canvas draws too. */
const MARKERS = [
  "M1 0A1 1 0 1 1 -1 0A1 1 0 1 1 1 0Z",
  "M0 -1.1L1.05 .8L-1.05 .8Z",
  "M-.88 -.88H.88V.88H-.88Z",
  "M0 -1.2L1.2 0L0 1.2L-1.2 0Z",
  "M0 1.1L1.05 -.8L-1.05 -.8Z",
  "M-.4 -1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4Z",
  "M0 -1.1L1.05 -.34L.65 .89H-.65L-1.05 -.34Z",
  "M-.5 -1H.5L1 0L.5 1H-.5L-1 0Z",
];

export const curveId = (strategy, teacher) => (strategy in FIXED ? strategy : `${strategy}\n${teacher ?? ""}`);

/** The curves of all cells by their ids: {id, strategy, label, colour, marker}, colours as CSS properties. */
export function curvesOf({ columns }) {
  const [strategies, teachers] = [columns.strategy.values, columns.teacher.values];
  const pairs = new Map(strategies.map((strategy, i) => [curveId(strategy, teachers[i]), [strategy, teachers[i]]]));
  let others = 0;
  return new Map(
    [...pairs.keys()].sort().map((id) => {
      const [strategy, teacher] = pairs.get(id);
      const place = FIXED[strategy] ?? 2 + (others++ % OTHERS);
      const label = strategy in FIXED || !teacher ? strategy : `${strategy}, ${shortName(teacher)}`;
      return [id, { id, strategy, label, colour: `--curve-${place}`, marker: MARKERS[place % MARKERS.length] }];
    }),
  );
}

/** The look of a strategy as a whole: that of its first curve. */
export function lookOf(strategy, curves) {
  return [...curves.values()].find((curve) => curve.strategy === strategy);
}

export const styleOf = (property) => getComputedStyle(document.documentElement).getPropertyValue(property).trim();
