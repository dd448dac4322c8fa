/** React on a server, beside the client's entry, in one bundle. */

export * as React from "react";
export { renderToString } from "react-dom/server";
export * from "pixstore-asgi-client/react";
