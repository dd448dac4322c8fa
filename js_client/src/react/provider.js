/** Whose client the components below use. */

import { createContext, createElement } from "react";

import { PAGE_CLIENT } from "../view/page-client.js";

/** @import { ReactNode } from "react" */
/** @import { ViewClient } from "../view/index.js" */

export const ClientContext = createContext(PAGE_CLIENT);

/**
 * Give the components below a client of their own; without it they have that of the package's functions.
 *
 * @param {{client: ViewClient, children?: ReactNode}} props  the same client with each render
 */
export const PixstoreProvider = ({ client, children }) =>
  createElement(ClientContext.Provider, { value: client }, children);
