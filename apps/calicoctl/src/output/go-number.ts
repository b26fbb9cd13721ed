/** A number by Go's `%.5g`: five significant digits, no trailing zeros, `1.8447e+19` when it is large. */
export function fiveDigits(value: number): string {
  const [mantissa = '', exponent] = value.toPrecision(5).split('e');
  const digits = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa;
  if (exponent === undefined) return digits;
  return `${digits}e${exponent.startsWith('-') ? '-' : '+'}${exponent.replace(/^[-+]/, '').padStart(2, '0')}`;
}

/** A share in percent by Go's `%.f`: whole, halves to the even neighbour. */
export function wholePercent(part: number, whole: number): string {
  const percent = (100 * part) / whole;
  const floor = Math.floor(percent);
  const isHalf = percent - floor === 0.5;
  return `${isHalf ? floor + (floor % 2) : Math.round(percent)}%`;
}
