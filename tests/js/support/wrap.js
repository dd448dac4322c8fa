/** The wrapped image key, opened anew from the table in core/cipher.py. */

import { bigEndian, findKey, prefixed } from "./keyring.js";
import { sivOpen } from "./siv.js";
import { fromHex } from "./vectors.js";

const KEY_ID_BYTES = 4;

/** Open one vector's wrapped key: {key} in hex, or {failure}. */
export function openWrap(vector) {
  const wrapped = Buffer.from(vector.wrapped, "hex");
  const ringKey = findKey(vector.secrets, databasesOf(vector), wrapped.subarray(0, KEY_ID_BYTES));
  if (!ringKey) return { failure: "unknown-key" };
  const key = sivOpen(ringKey.wrapKey, wrapped.subarray(KEY_ID_BYTES), binding(vector));
  return key ? { key: key.toString("hex") } : { failure: "wrap" };
}

/** Where a database's id begins with a zero byte it is older than ids, and has keys that are bound to none. */
const databasesOf = ({ database }) => (database.startsWith("00") ? [database, ""] : [database]);

function binding({ image_id: id, version, format, iv, tag, size, sha256 }) {
  const fields = [
    Buffer.from("pixstore_asgi/1 image key"),
    Buffer.from(id, "ascii"),
    fromHex(version),
    bigEndian(format, 1),
    fromHex(iv),
    fromHex(tag),
    bigEndian(size, 8),
    ...(sha256 ? [fromHex(sha256)] : []),
  ];
  return Buffer.concat(fields.map(prefixed));
}
