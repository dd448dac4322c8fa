/** The client that components use. */

import { getContext, setContext } from "svelte";

import { PAGE_CLIENT } from "../view/place.js";

/** @import { ViewClient } from "../view/index.js" */

const CLIENT = Symbol("pixstore-asgi-client");

/**
 * Give the components inside the current one a client of their own. Without it they use the package's functions.
 *
 * @param {ViewClient} client
 */
export const setClient = (client) => void setContext(CLIENT, client);

/** @returns {ViewClient} */
export const getClient = () => getContext(CLIENT) ?? PAGE_CLIENT;
