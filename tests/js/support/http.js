/** An HTTP server that answers single requests and batches. */

import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";

import { createClient, WireState } from "../../../js_client/src/index.js";
import { createServer, successPayload } from "./server.js";

/** One frame of a batch: index u8, status u16, length u32, body. */
export function frame(index, status, body) {
  const head = Buffer.alloc(7);
  head.writeUInt8(index);
  head.writeUInt16LE(status, 1);
  head.writeUInt32LE(body.length, 3);
  return Buffer.concat([head, body]);
}

/** An HTTP server in front of the stub; `requests` lists its requests, [path, ids]. */
export async function startHttp(t, { batches = true, respond } = {}) {
  const images = createServer();
  const requests = [];
  const payloadOf = (id) => {
    const version = images.version(id);
    return version ? successPayload(version) : Uint8Array.of(WireState.NotFound);
  };

  async function answer(request, response) {
    if (request.method === "GET") {
      const id = decodeURIComponent(request.url.split("/").at(-1));
      requests.push(["GET", [id]]);
      if (respond?.(response, [id]) === true) return;
      response.end(payloadOf(id));
      return;
    }
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const ids = JSON.parse(Buffer.concat(chunks)).images.map(({ id }) => id);
    requests.push(["POST", ids, request.headers["content-type"]]);
    if (!batches) return response.writeHead(404).end();
    if (respond?.(response, ids) === true) return;
    for (const [index, id] of [...ids.entries()].reverse()) response.write(frame(index, 200, payloadOf(id)));
    response.end();
  }

  const server = createHttpServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.closeAllConnections());
  t.after(() => server.close());
  const endpoint = `http://127.0.0.1:${server.address().port}/images`;
  const save = (count) => Array.from({ length: count }, (_, index) => images.save(`image-${index}`, `${index}`));
  return { requests, save, images, clientOf: (config) => createClient({ endpoint, retries: 0, ...config }) };
}
