/** Names and text of a client's public key, in the header of its requests and, with a stored pair, in a cookie. */

export const NAME = "pixstore-recipient";

/**
 * No other host of the domain can set a cookie with this prefix (RFC 6265bis, "The __Host- Prefix"). Over plain HTTP
 * browsers accept it on localhost, except Safari.
 */
export const COOKIE = `__Host-${NAME}`;

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
    document.cookie = `${COOKIE}=; max-age=0; path=/; secure`;
  } catch {
    // A worker and a sandboxed frame have no cookies.
  }
}
