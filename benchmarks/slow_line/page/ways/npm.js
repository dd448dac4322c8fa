/** What one would write around npm's client: all pictures are asked for at once, in the order of the page. */

import { getImage, initPixstoreFrontend } from "/bundle/npm.js";

const { size, source } = globalThis.page;
// The package ships with `const IS_TEST = true`: these options give it back what it documents as its defaults.
initPixstoreFrontend(
  {
    frontendDbName: "pixstore",
    frontendImageCacheLimit: 1_000,
    frontendCleanupBatch: 50,
    errorHandlingMode: "hybrid",
  },
  fetchAsDocumented,
);
const records = await (await fetch(source)).json();
const main = document.querySelector("main");
for (const { variants } of records) {
  const img = Object.assign(new Image(), size);
  main.append(img);
  getImage(variants.thumb).then((blob) => {
    img.src = URL.createObjectURL(blob);
  });
}

/** A custom fetcher for an endpoint of the page's own origin, as the package's default fetcher does it. */
async function fetchAsDocumented({ id, token, statelessProof }) {
  const headers = { "x-pixstore-proof": statelessProof, "x-pixstore-token": String(token) };
  const response = await fetch(`/pixstore-image/${encodeURIComponent(id)}`, { headers });
  return new Uint8Array(await response.arrayBuffer());
}
