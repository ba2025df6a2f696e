// Whole micro-dollars, rounded up per item: the arithmetic of raydoa.costs.tariffs.

export const MICRO = 1_000_000;

const ROUNDING = 1e-15; // Twice the relative error of two products, each half of 2**-52.

/** Micro-dollars of a quantity at dollars per unit. A price is the number as written: 0.26 is 26/100. */
export function microUsd(quantity, price) {
  if (!(quantity > 0)) return 0;
  const rough = quantity * price * MICRO;
  if (Math.abs(rough - Math.round(rough)) > rough * ROUNDING) return Math.ceil(rough);
  return exactMicroUsd(quantity, price);
}

/** The same without floats: both languages write a float with the fewest digits that give it back. */
function exactMicroUsd(quantity, price) {
  const [digits, exponent] = price.toExponential().split("e");
  const [whole, decimals = ""] = digits.split(".");
  const tens = Number(exponent) - decimals.length + 6;
  const units = BigInt(quantity) * BigInt(whole + decimals);
  if (tens >= 0) return Number(units * 10n ** BigInt(tens));
  const divisor = 10n ** BigInt(-tens);
  return Number((units + divisor - 1n) / divisor);
}
