/** The client of a page that has made none of its own: that of the package's functions. */

import { getRecord, objectUrl, onRemoved, peek } from "../index.js";

/** @import { ViewClient } from "./view.js" */

/** @type {ViewClient} */
export const PAGE_CLIENT = { getRecord, objectUrl, onRemoved, peek };
