/** Name and text of a client's public key, in the header of its requests and, with a stored pair, in a cookie. */

export const NAME = "pixstore-recipient";

/**
 * Return a public key as base64url without padding.
 *
 * @param {Uint8Array} own  65 bytes
 */
export const textOf = (own) =>
  btoa(String.fromCharCode(...own))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .slice(0, -1);

/** Delete the cookie. */
export function expireCookie() {
  try {
    document.cookie = `${NAME}=; max-age=0; path=/`;
  } catch {
    // A worker and a sandboxed frame have no cookies.
  }
}
