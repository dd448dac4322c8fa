/** The component of the package for Vue, as docs/front-end.md shows it. */

import { PixImage } from "pixstore-asgi-client/vue";
import { createApp, h } from "vue";

const { size, source } = globalThis.page;
const records = await (await fetch(source)).json();
const tile = (record) => h(PixImage, { key: record.id, record, alt: "", ...size });
createApp(() => records.map(tile)).mount("main");
