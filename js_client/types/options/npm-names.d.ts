/** Accepts the option names of the npm package `pixstore`, so that a page only has to change its import. */
import type { PixstoreConfig } from "./options.js";
export type NpmConfig = {
    /**
     * host of the endpoint; the scheme is the page's own
     */
    defaultEndpointConnectHost?: string | undefined;
    /**
     * port on that host; default 3001, as in the npm package
     */
    defaultEndpointConnectPort?: number | undefined;
    /**
     * path of the endpoint; default "/pixstore-image"
     */
    defaultEndpointRoute?: string | undefined;
    /**
     * names the database `<frontendDbName>-asgi`
     */
    frontendDbName?: string | undefined;
    /**
     * `cacheLimit`
     */
    frontendImageCacheLimit?: number | undefined;
    /**
     * `cleanupBatch`
     */
    frontendCleanupBatch?: number | undefined;
};
/**
 * Replace npm's option names by ours. Other names stay.
 *
 * @param {PixstoreConfig & NpmConfig} config
 * @returns {PixstoreConfig}
 * @throws {ConfigError} for an option given under both names
 */
export declare function translateNpmNames(config: PixstoreConfig & NpmConfig): PixstoreConfig;
