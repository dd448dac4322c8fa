/** The real client over a server that answers on HTTP, and the one for tests, told by a test in the same words. */

import { createClient } from "../../../js_client/src/index.js";
import { createTestClient } from "../../../js_client/src/testing/index.js";
import { gate, setGlobal } from "./page.js";
import { sealerFor } from "./sealed.js";
import { recordOf, seal, successPayload, updatedPayload } from "./server.js";

const STATUS = { "signed-out": 401, forbidden: 403, busy: 503 };
const STATE = { gone: 2, expired: 5, server: 6 };

/** Images behind a `fetch` of this test: it takes single requests, since it is asked for one image at a time. */
function createSite() {
  const [versions, failures, gates, badProofs, sealedProofs] = [new Map(), new Map(), new Map(), new Set(), new Set()];
  let proofs = 0;

  function record(id, headers = {}) {
    const version = versions.get(id);
    if (!version) return null;
    proofs += 1;
    const variants = [...versions.keys()].filter((key) => key.startsWith(`${id}~`)).map((key) => [key.split("~")[1], record(key, headers)]);
    const recipient = headers["pixstore-recipient"];
    const plain = recordOf(id, version, `proof-${proofs}`);
    const made = recipient ? sealerFor(recipient)(plain) : plain;
    if (recipient) sealedProofs.add(plain.statelessProof);
    return variants.length ? { ...made, variants: Object.fromEntries(variants) } : made;
  }

  async function answer(id, { "x-pixstore-proof": proof, "x-pixstore-token": token }, signal) {
    await Promise.race([gates.get(id)?.passed, new Promise((_, leave) => signal?.addEventListener("abort", () => leave(signal.reason)))]);
    const failure = failures.get(id);
    if (failure === "offline") throw new TypeError("Failed to fetch");
    if (STATUS[failure]) return new Response(null, { status: STATUS[failure] });
    if (STATE[failure]) return new Response(Uint8Array.of(STATE[failure]));
    if (badProofs.has(proof)) return new Response(Uint8Array.of(5));
    const version = versions.get(id);
    if (!version) return new Response(Uint8Array.of(2));
    if (Number(token) !== version.token && sealedProofs.has(proof)) return new Response(Uint8Array.of(5));
    const body = Number(token) === version.token ? successPayload(version) : updatedPayload(version);
    if (failure === "damaged") body[body.length - 1] ^= 1;
    return new Response(body);
  }

  function put(id, bytes) {
    versions.set(id, { token: (versions.get(id)?.token ?? 0) + 1, ...seal(bytes, { formatByte: bytes[0] === 0xff ? 4 : 1 }) });
    return record(id);
  }

  return {
    answer,
    record,
    add(id, bytes, variants = {}) {
      for (const [name, each] of Object.entries(variants)) put(`${id}~${name}`, each);
      return put(id, bytes);
    },
    update: put,
    remove: (id) => void versions.delete(id),
    expire: () => Array.from({ length: proofs }, (_, number) => badProofs.add(`proof-${number + 1}`)),
    fail: (id, failure) => void failures.set(id, failure),
    hold: (id) => void gates.set(id, gate()),
    release: (id) => gates.get(id).open(),
  };
}

/** By name: a site for one test, whose `client` gets fresh records by itself unless the test says otherwise. */
export const SITES = {
  "the real client": (t, { refreshes = true } = {}) => {
    const site = createSite();
    setGlobal(t, "fetch", async (url, { headers, signal }) => {
      const path = String(url).replace("/pixstore-image/", "");
      return path === "-/batch" ? new Response(null, { status: 404 }) : site.answer(path, headers, signal);
    });
    const refreshRecord = async (id) => site.record(id, await client.recipientHeaders());
    const client = createClient({ cache: "memory", retries: 0, ...(refreshes && { refreshRecord }) });
    t.after(client.close);
    return { client, ...site, otherPage: () => createClient({ cache: "off" }).recipientHeaders() };
  },

  "the test client": (t, config = {}) => {
    const client = createTestClient(config);
    const add = (id, bytes, variants = {}) =>
      client.addImage(id, bytes, { variants: Object.fromEntries(Object.entries(variants).map(([name, each]) => [name, { bytes: each }])) });
    const { update, remove, record, expire, fail, hold, release } = client;
    const otherPage = () => createTestClient().recipientHeaders();
    return { client, add, update, remove, record, expire, fail, hold, release, otherPage };
  },
};

