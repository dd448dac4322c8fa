/** Svelte on a server, beside the client's entry, in one bundle. */

export { render } from "svelte/server";
export * from "pixstore-asgi-client/svelte";
