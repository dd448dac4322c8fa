/** The element of the package, as the mount serves it. */

import "/pixstore-image/-/client/element.js";

export function show(main, records, size) {
  const tile = (record) => Object.assign(document.createElement("pix-image"), { record, alt: "", ...size });
  main.append(...records.map(tile));
}
