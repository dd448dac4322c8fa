/** Vue on a server, beside the client's entry, in one bundle. */

export { renderToString } from "@vue/server-renderer";
export * as Vue from "vue";
export * from "pixstore-asgi-client/vue";
