/** Registers the service worker that lets a plain `<img src="/pixstore-image/-/image/ID">` show encrypted images. */
import type { CacheKind, KeyPair } from "../options/options.js";
export type Trusted = (url: URL) => any;
export type ImageWorkerOptions = {
    /**
     * URL of a RecordsApp, or of an API that answers in the same way, on the page's origin
     */
    recordsUrl: string;
    /**
     * the mount, on the page's origin; default: the mount that served this file
     */
    endpoint?: string | undefined;
    /**
     * the common path of the pages: `service_worker_scope` of the mount, or a path
     * below it; default: "/"
     */
    scope?: string | undefined;
    /**
     * as in the page's client, so that both share the cache and `clear()` empties
     * it; default: as in the client
     */
    namespace?: string | undefined;
    /**
     * as `namespace`
     */
    databaseName?: string | undefined;
    /**
     * as `namespace`
     */
    cache?: CacheKind | undefined;
    /**
     * as `namespace`
     */
    keyPair?: KeyPair | undefined;
    /**
     * as `namespace`: show the last pictures without a network
     */
    offline?: boolean | undefined;
    /**
     * makes the worker's URL a TrustedScriptURL, under Trusted Types
     */
    trusted?: Trusted | undefined;
    /**
     * called with the reason if the worker cannot be used,
     * unless the browser has no service workers
     */
    onError?: ((error: unknown) => void) | undefined;
};
/**
 * Register the worker. Image URLs do not work if:
 *
 * - the browser has no service workers, or refuses this one
 * - the worker does not control the page within 5 s
 * - the page has another service worker, which is kept
 *
 * Then show images by the element or by getImage.
 *
 * @param {ImageWorkerOptions} options
 * @returns {Promise<boolean>}  whether image URLs work in this page from now on; never rejects
 */
export declare function registerImageWorker({ endpoint, recordsUrl, scope, trusted, onError, ...settings }: ImageWorkerOptions): Promise<boolean>;
