/** The component of the package for Vue. */

import { initPixstoreFrontend } from "pixstore-asgi-client";
import { PixImage } from "pixstore-asgi-client/vue";
import { createApp, h } from "vue";

initPixstoreFrontend();
const records = await (await fetch("/api/pictures")).json();
const tile = (record) => h(PixImage, { key: record.id, record, alt: "", width: 132, height: 99 });
createApp(() => records.map(tile)).mount("main");
