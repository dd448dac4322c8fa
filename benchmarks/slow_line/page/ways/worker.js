/** Plain `<img>` elements that the package's service worker answers. */

import { registerImageWorker } from "/pixstore-image/-/client/image-worker.js";

const { ids, size } = globalThis.page;
if (!(await registerImageWorker({ recordsUrl: "/records", scope: "/page/" }))) throw new Error("no service worker");
const tile = (id) => Object.assign(new Image(), { ...size, src: `/pixstore-image/-/image/${encodeURIComponent(id)}~thumb` });
document.querySelector("main").append(...ids.map(tile));
