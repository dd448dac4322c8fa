/** Where the images are. */
/** Where an application is mounted, unless it says otherwise; npm's is the same. */
export declare const DEFAULT_ENDPOINT = "/pixstore-image";
/**
 * The images are served beside the client: a module at `https://host/my/mount/-/client/index.js` belongs to `/my/mount`.
 *
 * @param {string} [moduleUrl]  there is none in a bundle that is no module
 */
export declare function endpointBeside(moduleUrl?: string): string;
