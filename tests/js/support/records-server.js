/** A server of images and of sealed records behind `fetch`. Its proofs bind id, token and audience, as docs/wire-format.md says. */

import { frame } from "./http.js";
import { setGlobal } from "./page.js";
import { sealerFor } from "./sealed.js";
import { createServer, recordOf, successPayload } from "./server.js";

const INVALID_PROOF = Uint8Array.of(5);

/**
 * `asked.records` lists the ids of all requests for records, `asked.images` those of all requests for images, and
 * `asked.copies` those of requests for a copy, which `/copies/ID` is.
 *
 * @param {import("node:test").TestContext} t
 * @param {(record: any, count: number) => any} [change]  changes each record that the server sends; `count` from 1
 */
export function serveRecords(t, change = (record) => record) {
  const images = createServer();
  const asked = { records: [], images: [], copies: [] };
  const proofs = new Map();

  /** A record of an audience, sealed to the page of a header. */
  function record(id, recipient, audience = "ada") {
    const proof = `proof-${proofs.size}`;
    const version = images.version(id);
    proofs.set(proof, `${id} ${version.token} ${audience}`);
    return sealerFor(recipient)(recordOf(id, version, proof));
  }

  function payload(id, token, proof) {
    asked.images.push(id);
    if (proofs.get(proof) !== `${id} ${token} ada`) return INVALID_PROOF;
    const version = images.version(id);
    return version.token === token ? successPayload(version) : INVALID_PROOF;
  }

  function records(ids, recipient) {
    asked.records.push(...ids);
    const known = ids.filter((id) => images.version(id));
    return Object.fromEntries(known.map((id) => [id, change(record(id, recipient), asked.records.length)]));
  }

  setGlobal(t, "fetch", async (url, { headers, body }) => {
    const { pathname, searchParams } = new URL(url, "https://page.test");
    if (pathname === "/records") return Response.json(records(searchParams.getAll("id"), headers["pixstore-recipient"]));
    if (pathname.endsWith("/-/batch")) {
      const payloads = JSON.parse(body).images.map(({ id, token, proof }) => payload(id, token, proof));
      return new Response(Buffer.concat(payloads.map((each, index) => frame(index, 200, each))));
    }
    const id = decodeURIComponent(pathname.split("/").at(-1));
    if (pathname.startsWith("/copies/")) {
      asked.copies.push(id);
      return new Response(images.version(id).ciphertext);
    }
    return new Response(payload(id, Number(headers["x-pixstore-token"]), headers["x-pixstore-proof"]));
  });
  return { asked, record, save: images.save };
}
