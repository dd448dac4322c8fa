/** Plain JavaScript around the client's `getImage`: all pictures are asked for at once, in the order of the page. */

import { createClient } from "/pixstore-image/-/client/index.js";

const { fetcher, size, source } = globalThis.page;
const { getImage } = createClient({ endpoint: "/pixstore-image" }, fetcher && fetchAlone);
const records = await (await fetch(source)).json();
const main = document.querySelector("main");
for (const { variants } of records) {
  const img = Object.assign(new Image(), size);
  main.append(img);
  getImage(variants.thumb).then((blob) => {
    img.src = URL.createObjectURL(blob);
  });
}

/** A fetcher of the page's own gets one image a request, whatever the endpoint takes. */
async function fetchAlone({ id, token, statelessProof }) {
  const headers = { "x-pixstore-proof": statelessProof, "x-pixstore-token": String(token) };
  const response = await fetch(`/pixstore-image/${encodeURIComponent(id)}`, { headers, cache: "no-store" });
  return new Uint8Array(await response.arrayBuffer());
}
