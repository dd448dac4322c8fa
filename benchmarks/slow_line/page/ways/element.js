/** The element of the package, as the mount serves it, and as docs/front-end.md shows it. */

import "/pixstore-image/-/client/element.js";

const { size, source } = globalThis.page;
const records = await (await fetch(source)).json();
const tile = (record) => Object.assign(document.createElement("pix-image"), { record, alt: "", ...size });
document.querySelector("main").append(...records.map(tile));
