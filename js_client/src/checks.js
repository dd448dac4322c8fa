/** Checks of option values: each returns the value or raises ConfigError with the option's name. */

import { ConfigError } from "./errors.js";

/**
 * A string that is not blank.
 *
 * @param {string} name
 * @param {unknown} value
 * @returns {string}
 */
export function text(name, value) {
  if (typeof value === "string" && value.trim() !== "") return value;
  throw new ConfigError(`${name} must be a non-empty string`);
}

/**
 * An integer from `least` to `most`.
 *
 * @param {string} name
 * @param {unknown} value
 * @param {number} least
 * @param {number} [most]
 * @returns {number}
 */
export function integer(name, value, least, most = Number.MAX_SAFE_INTEGER) {
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new ConfigError(`${name} must be an integer from ${least} to ${most}`);
}

/**
 * One of a few words.
 *
 * @template {string} Word
 * @param {string} name
 * @param {unknown} value
 * @param {readonly Word[]} words
 * @returns {Word}
 */
export function oneOf(name, value, words) {
  const word = words.find((candidate) => candidate === value);
  if (word !== undefined) return word;
  throw new ConfigError(`${name} must be one of ${words.join(", ")}`);
}

/**
 * A function.
 *
 * @template {Function} Callback
 * @param {string} name
 * @param {Callback} value
 * @returns {Callback}
 */
export function callback(name, value) {
  if (typeof value === "function") return value;
  throw new ConfigError(`${name} must be a function`);
}
