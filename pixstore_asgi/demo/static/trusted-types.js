/** The page's policy lets no URL become a script, but for the client's worker, which decrypts large pictures. */

const WORKER = new URL("/images/-/client/pixstore-worker.js", location.href).href;

globalThis.trustedTypes?.createPolicy("default", { createScriptURL: (url) => (url === WORKER ? url : null) });
