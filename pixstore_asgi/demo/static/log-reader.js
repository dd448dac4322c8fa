/** A reader of a log: it has the text of a record and the response to the request for the picture, and no key pair. */

const KEY_PLACE = [77, 109]; // of the encrypted image key in a sealed key (docs/wire-format.md)

/**
 * Try to decrypt a picture by the log: with the logged key, or with the bytes that a sealed record has in its place.
 *
 * @param {string} text  a record, as JSON
 * @param {Uint8Array<ArrayBuffer>} body  of the response: state byte ‖ ciphertext
 * @returns {Promise<Blob | undefined>}  the picture, or undefined if these bytes are not its key
 */
export async function pictureIn(text, body) {
  const { key, sealed, iv, tag } = JSON.parse(text).meta;
  const bytes = key ? bytesOf(key) : bytesOf(sealed).subarray(...KEY_PLACE);
  const handle = await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["decrypt"]);
  const encrypted = await new Blob([body.subarray(1), bytesOf(tag)]).arrayBuffer();
  try {
    const plaintext = await crypto.subtle.decrypt({ name: "AES-GCM", iv: bytesOf(iv) }, handle, encrypted);
    return new Blob([plaintext.slice(1)]); // the first byte is the format
  } catch (error) {
    if (error.name === "OperationError") return undefined; // the tag does not match
    throw error;
  }
}

/** @param {string} base64 */
const bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
