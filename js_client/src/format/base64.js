/**
 * Decode standard base64 (RFC 4648, section 4) of exactly `size` bytes, or return undefined.
 *
 * Padding is required, and so is the canonical spelling: white space, the URL alphabet and unused bits that are set all
 * give undefined, so that one value has one spelling.
 *
 * @param {unknown} text
 * @param {number} size  in bytes
 * @returns {Uint8Array<ArrayBuffer> | undefined}
 */
export function decodeBase64(text, size) {
  const binary = decodeLeniently(text);
  if (binary.length !== size || btoa(binary) !== text) return undefined;
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** @param {any} text */
function decodeLeniently(text) {
  try {
    return atob(text);
  } catch {
    return "";
  }
}
