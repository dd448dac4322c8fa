/** The client that components use. */
import type { ViewClient } from "../view/index.js";
/**
 * Give the components inside the current one a client of their own. Without it they use the package's functions.
 *
 * @param {ViewClient} client
 */
export declare const setClient: (client: ViewClient) => undefined;
/** @returns {ViewClient} */
export declare const getClient: () => ViewClient;
