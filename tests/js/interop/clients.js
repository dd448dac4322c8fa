/** Both clients under one face: the front end of npm's pixstore, unmodified, and ours. Runs in Node and in a page. */

import * as npm from "pixstore/frontend/index.js";
import { decodeWirePayload } from "pixstore/shared/wire-encoder.js";

import * as ours from "../../../js_client/src/index.js";

export const clients = { npm: { ...npm, decode: decodeWirePayload }, ours: { ...ours, decode: ours.decodePayload } };

/** Make a fetcher, as both packages document it, that asks for images below `endpoint`. */
export const fetcherOf = (endpoint) => async (record, context) => {
  const response = await fetch(`${endpoint}/${encodeURIComponent(record.id)}`, {
    headers: {
      "x-pixstore-proof": record.statelessProof,
      "x-pixstore-token": String(record.token),
      ...context,
    },
  });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
};

/**
 * Read images through a client, one after the other; each gives {type, sha256} or {error}.
 *
 * @param {{client: "npm" | "ours", config: object, endpoint?: string, headers?: object, records: object[]}} wanted
 *   endpoint: of the application's own fetcher; headers: that fetcher's context
 */
export async function readAll({ client, config, endpoint, headers, records }) {
  const { getImage, initPixstoreFrontend } = clients[client];
  initPixstoreFrontend(config, endpoint && fetcherOf(endpoint));
  const results = [];
  // npm's takes the context itself, ours among other options.
  const second = client === "npm" ? headers : { context: headers };
  for (const record of records) results.push(await getImage(record, second).then(describe, failure));
  return results;
}

export async function hexDigest(data) {
  const digest = await crypto.subtle.digest("SHA-256", data);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const describe = async (blob) => ({ type: blob.type, sha256: await hexDigest(await blob.arrayBuffer()) });

const failure = (error) => ({ error: error.message });
