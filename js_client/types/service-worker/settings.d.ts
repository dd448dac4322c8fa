/** What the worker goes by: it is killed and started again without a word, so all of it stands in its own URL. */
import type { PixstoreConfig } from "../options/options.js";
/**
 * @param {string} href  of the worker
 * @returns {PixstoreConfig & {endpoint: string, recordsUrl: string}}
 * @throws {ConfigError} where the records would come from elsewhere: whoever could name that would choose the pictures
 */
export declare function settingsIn(href: string): PixstoreConfig & {
    endpoint: string;
    recordsUrl: string;
};
