/** Checks of option values. A check returns a description of the valid values, or false if the value is valid. */

import { ConfigError } from "../errors.js";

/** @typedef {(value: unknown) => string | false} Check */

/** @type {Check} */
export const text = (value) => !(typeof value === "string" && value.trim()) && "a non-empty string";

/** @type {Check} */
export const callback = (value) => typeof value !== "function" && "a function";

/**
 * @param {number} least
 * @returns {Check}
 */
export const integer = (least) => (value) =>
  !(Number.isSafeInteger(value) && /** @type {number} */ (value) >= least) && `an integer from ${least}`;

/**
 * @param {...(string | boolean)} words
 * @returns {Check}
 */
export const oneOf =
  (...words) =>
  (value) =>
    !words.includes(/** @type {any} */ (value)) && `one of ${words.join(", ")}`;

/** @type {Check} */
export const abortSignal = (value) => typeof Object(value).aborted !== "boolean" && "an AbortSignal";

/**
 * @param {Check} check
 * @returns {Check}
 */
export const orCallback = (check) => (value) => typeof value !== "function" && check(value);

/** @type {Check} */
export const headers = (value) => {
  try {
    return !new Headers(/** @type {any} */ (value));
  } catch {
    return "an object of headers";
  }
};

/**
 * Check options against a table of checks. Values that are undefined or null are ignored.
 *
 * @param {Record<string, Check>} checks
 * @param {unknown} given
 * @returns {Record<string, any>}  the options with values
 * @throws {ConfigError} for an unknown name or an unusable value
 */
export function checked(checks, given) {
  const names = Object.keys(checks).join(", ");
  if (Object(given) !== given) throw new ConfigError(`options must be an object with ${names}`);
  const entries = Object.entries(/** @type {object} */ (given)).filter(([, value]) => value != null);
  for (const [name, value] of entries) {
    const check = Object.hasOwn(checks, name) && checks[name];
    if (!check) throw new ConfigError(`${name} is no option; the options are ${names}`);
    const wanted = check(value);
    if (wanted) throw new ConfigError(`${name} must be ${wanted}`);
  }
  // Without a prototype, so that additions to Object.prototype are no options.
  return { __proto__: null, ...Object.fromEntries(entries) };
}
