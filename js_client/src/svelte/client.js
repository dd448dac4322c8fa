/** Whose client the components of a page use. */

import { getContext, setContext } from "svelte";

import { PAGE_CLIENT } from "../view/page-client.js";

/** @import { ViewClient } from "../view/index.js" */

const CLIENT = Symbol("pixstore-asgi-client");

/**
 * Give the components in this one a client of your own; without it they have that of the package's functions.
 *
 * @param {ViewClient} client
 */
export const setClient = (client) => void setContext(CLIENT, client);

/** @returns {ViewClient} */
export const getClient = () => getContext(CLIENT) ?? PAGE_CLIENT;
