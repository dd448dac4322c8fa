/** Figures as the page writes them. */

const count = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat("en", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

/** @param {number} n */
export function bytes(n) {
  if (n === 1) return "1 byte";
  if (n < 1000) return `${count.format(n)} bytes`;
  return n < 1e6 ? `${(n / 1000).toFixed(1)} kB` : `${(n / 1e6).toFixed(1)} MB`;
}

/** @param {number} n */
export const ms = (n) => (n < 1000 ? `${n.toFixed(n < 10 ? 1 : 0)} ms` : `${(n / 1000).toFixed(1)} s`);

/** @param {number} n  in milliseconds */
export const seconds = (n) => `${Math.max(0, Math.ceil(n / 1000))} s`;

/** @param {Date} date */
export const time = (date) => clock.format(date);

/** @type {(n: number, one: string, many?: string) => string} */
export const counted = (n, one, many = `${one}s`) => `${count.format(n)} ${n === 1 ? one : many}`;

/** @param {string} text  an error's message, which starts in lower case and has no full stop */
export const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** @param {Error & {state?: number, reason?: string}} error  its state's name, where the server answered with one */
export const errorName = (error) => (error.state === undefined ? error.name : String(error.reason));

/** @param {Error} error  without the state's name in front */
export const errorText = (error) => sentence(error.message.replace(`${errorName(error)}: `, ""));

/** @type {(width: number | undefined, height: number | undefined) => string} */
export const pixels = (width, height) =>
  width && height ? `${count.format(width)} × ${count.format(height)}` : "unknown";
