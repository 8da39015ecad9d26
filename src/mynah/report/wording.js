// Numbers as wording.py writes them, by the same rules, so that a number reads alike wherever it stands.

const THIN = "\u202f";
const fixed = (value, digits) => {
  const whole = Math.floor(Math.abs(value) * 10 ** digits + 0.5 + 1e-6); // half up, for a double just below it too
  return (value < 0 && whole ? "\u2212" : "") + (whole / 10 ** digits).toFixed(digits);
};
const twoDigits = (value) => {
  const digits = [0, 1, 2, 3].find((d) => value >= 9.95 / 10 ** d) ?? 4;
  return value >= 0.001 ? fixed(value, digits) : value ? "<0.001" : "0";
};
const percent = (share, digits = 0) => `${fixed(100 * share, digits)}${THIN}%`;
const TIMES = [[9.95e-5, 1e-6, "µs"], [0.0995, 1e-3, "ms"], [99.5, 1, "s"], [5970, 60, "min"], [Infinity, 3600, "h"]];
const duration = (seconds) => {
  const [, size, unit] = TIMES.find(([limit]) => seconds < limit);
  return `${twoDigits(seconds / size)}${THIN}${unit}`;
};
const decibels = (gain) => {
  const words = fixed(gain, 0);
  return `${words === "0" || words[0] === "\u2212" ? "" : "+"}${words}${THIN}dB`;
};
const thousands = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, THIN);
const plural = (n, one, many = `${one}s`) => `${thousands(n)} ${n === 1 ? one : many}`;
