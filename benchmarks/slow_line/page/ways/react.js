/** The component of the package for React, as docs/front-end.md shows it. */

import { PixImage } from "pixstore-asgi-client/react";
import { createElement } from "react";
import { createRoot } from "react-dom/client";

const { size, source } = globalThis.page;
const records = await (await fetch(source)).json();
const tile = (record) => createElement(PixImage, { key: record.id, record, alt: "", ...size });
createRoot(document.querySelector("main")).render(records.map(tile));
