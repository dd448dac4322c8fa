/** Checks of option values. A check returns a description of the valid values, or false if the value is valid. */
export type Check = (value: unknown) => string | false;
/** @typedef {(value: unknown) => string | false} Check */
/** @type {Check} */
export declare const text: Check;
/** @type {Check} */
export declare const callback: Check;
/**
 * @param {number} least
 * @returns {Check}
 */
export declare const integer: (least: number) => Check;
/**
 * @param {...string} words
 * @returns {Check}
 */
export declare const oneOf: (...words: string[]) => Check;
/** @type {Check} */
export declare const abortSignal: Check;
/**
 * @param {Check} check
 * @returns {Check}
 */
export declare const orCallback: (check: Check) => Check;
/** @type {Check} */
export declare const headers: Check;
/**
 * Check options against a table of checks. Values that are undefined or null are ignored.
 *
 * @param {Record<string, Check>} checks
 * @param {unknown} given
 * @returns {Record<string, any>}  the options with values
 * @throws {ConfigError} for an unknown name or an unusable value
 */
export declare function checked(checks: Record<string, Check>, given: unknown): Record<string, any>;
