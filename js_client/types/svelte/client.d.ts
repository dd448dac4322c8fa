/** Whose client the components of a page use. */
import type { ViewClient } from "../view/index.js";
/**
 * Give the components in this one a client of your own; without it they have that of the package's functions.
 *
 * @param {ViewClient} client
 */
export declare const setClient: (client: ViewClient) => undefined;
/** @returns {ViewClient} */
export declare const getClient: () => ViewClient;
