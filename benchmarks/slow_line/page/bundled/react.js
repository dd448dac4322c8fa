/** The component of the package for React. */

import { initPixstoreFrontend } from "pixstore-asgi-client";
import { PixImage } from "pixstore-asgi-client/react";
import { createElement } from "react";
import { createRoot } from "react-dom/client";

initPixstoreFrontend();
const records = await (await fetch("/api/pictures")).json();
const tile = (record) => createElement(PixImage, { key: record.id, record, alt: "", width: 132, height: 99 });
createRoot(document.querySelector("main")).render(records.map(tile));
