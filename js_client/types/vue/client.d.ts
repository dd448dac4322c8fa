/** Whose client the components of an application use. */
import type { InjectionKey } from "vue";
import type { ViewClient } from "../view/index.js";
/** @import { InjectionKey } from "vue" */
/** @import { ViewClient } from "../view/index.js" */
/**
 * What to `provide` a client of your own under; without it components have that of the package's functions.
 *
 * @type {InjectionKey<ViewClient>}
 */
export declare const CLIENT: InjectionKey<ViewClient>;
