/** Image ids, `name` or `directory:name`, and for a variant of that image `~variant` behind it; and tokens. */

/** @param {unknown} value */
export const isImageId = (value) =>
  typeof value === "string" && /^[\w-]{1,64}(:[\w-]{1,128})?(~[a-z0-9_-]{1,32})?$/.test(value);

/** @param {any} value */
export const isToken = (value) => Number.isSafeInteger(value) && value > 0;

/**
 * Whether an id is this one, or that of a variant of it; where there is none, all are.
 *
 * @param {string} id
 * @param {string} [original]
 */
export const isOf = (id, original = id) => `${id}~`.startsWith(`${original}~`);
