/** The client of a page that has made none of its own: that of the package's functions. */
import type { ViewClient } from "./view.js";
/** @import { ViewClient } from "./view.js" */
/** @type {ViewClient} */
export declare const PAGE_CLIENT: ViewClient;
