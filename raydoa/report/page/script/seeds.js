// What a few seeds say, by the rules of raydoa.report.seeds: how probable it is that one plan beats another.

export const LEVEL = 0.95;

const NOTHING = 1e-12;

/** P(plan `first` beats plan `second`), of the seeds that both have; null for fewer than two. */
export function paired(first, second) {
  const ahead = [];
  for (const [seed, score] of first.seeds) {
    if (second.seeds.has(seed)) ahead.push(score - second.seeds.get(seed));
  }
  return chanceAboveZero(ahead);
}

/** P(the mean of the differences is above 0): Student's t around their mean. */
export function chanceAboveZero(differences) {
  const count = differences.length;
  if (count < 2) return null;
  const mean = differences.reduce((sum, d) => sum + d, 0) / count;
  const variance = differences.reduce((sum, d) => sum + (d - mean) ** 2, 0) / (count - 1);
  const scale = Math.sqrt(variance) / Math.sqrt(count);
  if (scale <= NOTHING) return Math.abs(mean) <= NOTHING ? 0.5 : Number(mean > 0);
  return studentCdf(mean / scale, count - 1);
}

/** The distribution function of Student's t for a whole number of degrees of freedom.
 *  The finite sums of Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4. */
export function studentCdf(t, degrees) {
  const angle = Math.atan(t / Math.sqrt(degrees));
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const odd = degrees % 2 === 1;
  let term = odd ? cosine : 1;
  let sum = degrees === 1 ? 0 : term;
  for (let k = odd ? 3 : 2; k <= degrees - 2; k += 2) {
    term *= ((k - 1) / k) * cosine * cosine;
    sum += term;
  }
  const within = odd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
  return 0.5 + within / 2;
}
