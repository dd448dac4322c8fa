/** The URL of the images. */
/** The default path of the mount, as in the npm package. */
export declare const DEFAULT_ENDPOINT = "/pixstore-image";
/**
 * Derive the endpoint from the URL of this module: `https://host/my/mount/-/client/index.js` belongs to `/my/mount`.
 *
 * @param {string} [moduleUrl]  missing in a bundle that is no module
 */
export declare function endpointBeside(moduleUrl?: string): string;
