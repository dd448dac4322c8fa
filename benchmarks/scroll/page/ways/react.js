/** The component of the package for React, rendered as React's documentation has it for large changes: in a transition. */

import { PixImage } from "pixstore-asgi-client/react";
import { createElement, startTransition } from "react";
import { createRoot } from "react-dom/client";

export function show(main, records, size) {
  const tile = (record) => createElement(PixImage, { key: record.id, record, alt: "", ...size });
  return rendered(main, records.length, () => createRoot(main).render(records.map(tile)));
}

/** React splits a transition into short tasks. Wait until all children are there. */
function rendered(main, count, render) {
  return new Promise((resolve) => {
    const observer = new MutationObserver(() => {
      if (main.children.length < count) return;
      observer.disconnect();
      resolve();
    });
    observer.observe(main, { childList: true });
    startTransition(render);
  });
}
