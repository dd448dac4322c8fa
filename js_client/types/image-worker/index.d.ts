/** For pages: the service worker that lets plain `<img src="/pixstore-image/-/image/ID">` show encrypted images. */
import type { CacheKind } from "../options/options.js";
export type ImageWorkerOptions = {
    /**
     * where a RecordsApp is, or what answers as it does, on the page's own origin
     */
    recordsUrl: string;
    /**
     * as the client's
     */
    endpoint?: string | undefined;
    /**
     * the path that the pages are below, as the mount's `service_worker_scope`;
     * default "/"
     */
    scope?: string | undefined;
    /**
     * this and what follows as the page's client has it, so that they share
     */
    namespace?: string | undefined;
    databaseName?: string | undefined;
    cache?: CacheKind | undefined;
    /**
     * told why there is no worker, where the browser has any
     */
    onError?: ((error: unknown) => void) | undefined;
};
/**
 * Register the worker, and tell whether image URLs work in this page from now on. They do not where the browser has no
 * service workers, refuses this one or takes too long, or where the pages have a worker of another kind, which is left
 * alone: then show images by the element or by getImage.
 *
 * @param {ImageWorkerOptions} options
 * @returns {Promise<boolean>}
 */
export declare function registerImageWorker({ endpoint, recordsUrl, scope, onError, ...settings }: ImageWorkerOptions): Promise<boolean>;
