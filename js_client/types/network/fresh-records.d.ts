/** Where fresh records come from: a function of the application, or its `recordsUrl`. */
import type { Options, RefreshRecord } from "../options/options.js";
/**
 * @param {Pick<Options, "refreshRecord" | "refreshRecords" | "recordsUrl" | "headers" | "credentials" | "timeoutMs">} options
 * @returns {RefreshRecord | undefined}  nothing where the application has told of none
 */
export declare function createRefresh(options: Pick<Options, "refreshRecord" | "refreshRecords" | "recordsUrl" | "headers" | "credentials" | "timeoutMs">): RefreshRecord | undefined;
