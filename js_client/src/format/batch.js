/** What a batch is, for those who put one together and those who wait for its frames. */

/** The server takes no more images in one batch; so many are also read, written and claimed together. */
export const BATCH_LIMIT = 25;

/** The frames of a batch arrive one after another; within this time what becomes of them is taken together. */
export const FRAMES_MS = 20;
