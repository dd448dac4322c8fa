/** A strictly rising time in epoch milliseconds, one for the page: what one client deletes no other brings back. */
export declare const risingTime: () => number;
