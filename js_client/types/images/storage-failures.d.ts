/** What becomes of storage failures: they are told to the page, and images are served all the same. */
import type { CacheError } from "../errors.js";
export type Reported = ReturnType<typeof createReported>;
/** @import { CacheError } from "../errors.js" */
/** @typedef {ReturnType<typeof createReported>} Reported */
/** @param {(error: CacheError) => void} onCacheError */
export declare const createReported: (onCacheError: (error: CacheError) => void) => <Result>(storage: Promise<Result>, isRemoval?: boolean) => Promise<Result | undefined>;
