/** The component of the package for React. */

import { PixImage } from "pixstore-asgi-client/react";
import { createElement } from "react";
import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";

export function show(main, records, size) {
  const tile = (record) => createElement(PixImage, { key: record.id, record, alt: "", ...size });
  flushSync(() => createRoot(main).render(records.map(tile)));
}
