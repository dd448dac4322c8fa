/** Checks of option values: each tells what the value must be, or nothing where it is. */

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
 * @param {...string} words
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
 * Check what was given against a table of checks; what is undefined or null counts as not given.
 *
 * @param {Record<string, Check>} checks
 * @param {unknown} given
 * @returns {Record<string, any>}  what was given
 * @throws {ConfigError} for an unknown name or an unusable value
 */
export function checked(checks, given) {
  if (Object(given) !== given) throw new ConfigError(`options are an object of ${Object.keys(checks).join(", ")}`);
  const entries = Object.entries(Object(given)).filter(([, value]) => (value ?? null) !== null);
  for (const [name, value] of entries) {
    const check = Object.hasOwn(checks, name) && checks[name];
    if (!check) throw new ConfigError(`${name} is no option; there are ${Object.keys(checks).join(", ")}`);
    const wanted = check(value);
    if (wanted) throw new ConfigError(`${name} must be ${wanted}`);
  }
  // Without a prototype: what anybody adds to Object.prototype is no option.
  return { __proto__: null, ...Object.fromEntries(entries) };
}
