/** Reports storage failures to the page. Images are served nevertheless. */
import type { CacheError } from "../errors.js";
export type Reported = ReturnType<typeof createReported>;
/** @import { CacheError } from "../errors.js" */
/** @typedef {ReturnType<typeof createReported>} Reported */
/** @param {(error: CacheError) => void} onCacheError */
export declare const createReported: (onCacheError: (error: CacheError) => void) => <Result>(storage: Promise<Result>, isRemoval?: boolean) => Promise<Result | undefined>;
