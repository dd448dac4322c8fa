/** Gets an image inside a service worker, and answers with its type and size. */

import { createClient } from "/images/-/client/index.js";

const client = createClient({ endpoint: "/images" });

onmessage = (event) => event.waitUntil(answer(event));

async function answer({ data, ports: [port] }) {
  const blob = await client.getImage(data);
  port.postMessage([blob.type, blob.size]);
}
