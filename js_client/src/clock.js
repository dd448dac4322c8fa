let last = 0;

/** A strictly rising time in epoch milliseconds, one for the page: what one client deletes no other brings back. */
export const risingTime = () => (last = Math.max(Date.now(), last + 0.001));
