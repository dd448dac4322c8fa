/** Whose client the components of an application use. */

/** @import { InjectionKey } from "vue" */
/** @import { ViewClient } from "../view/index.js" */

/**
 * What to `provide` a client of your own under; without it components have that of the package's functions.
 *
 * @type {InjectionKey<ViewClient>}
 */
export const CLIENT = Symbol("pixstore-asgi-client");
