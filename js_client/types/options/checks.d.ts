/** Checks of option values: each tells what the value must be, or nothing where it is. */
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
 * Check what was given against a table of checks; what is undefined or null counts as not given.
 *
 * @param {Record<string, Check>} checks
 * @param {unknown} given
 * @returns {Record<string, any>}  what was given
 * @throws {ConfigError} for an unknown name or an unusable value
 */
export declare function checked(checks: Record<string, Check>, given: unknown): Record<string, any>;
