/** The worker's settings. They are in its URL, because browsers stop and restart a worker at any time. */
import type { PixstoreConfig } from "../options/options.js";
/**
 * @param {string} href  URL of the worker
 * @returns {PixstoreConfig & {endpoint: string, recordsUrl: string}}
 * @throws {ConfigError} if `recordsUrl` is on another origin, because a foreign URL would choose the pictures
 */
export declare function settingsIn(href: string): PixstoreConfig & {
    endpoint: string;
    recordsUrl: string;
};
