/** The URL of the images. */

/** The default path of the mount, as in the npm package. */
export const DEFAULT_ENDPOINT = "/pixstore-image";

/**
 * Derive the endpoint from the URL of this module: `https://host/my/mount/-/client/index.js` belongs to `/my/mount`.
 *
 * @param {string} [moduleUrl]  missing in a bundle that is no module
 */
export function endpointBeside(moduleUrl = "") {
  const end = moduleUrl.lastIndexOf("/-/client/");
  return end < 0 ? DEFAULT_ENDPOINT : moduleUrl.slice(0, end);
}
