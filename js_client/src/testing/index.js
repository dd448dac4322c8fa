/** For the tests of a page: a client with images in memory, which fails and waits as a test demands. */

export { fillInBrowser } from "./browser.js";
export { samplePng } from "./images.js";
export { createTestClient } from "./test-client.js";

/**
 * @typedef {import("./troubles.js").Failure} Failure
 * @typedef {import("./images.js").Details} Details
 * @typedef {import("./images.js").Size} Size
 * @typedef {import("./test-client.js").TestClient} TestClient
 * @typedef {import("./test-client.js").TestConfig} TestConfig
 * @typedef {import("./test-client.js").TestControls} TestControls
 * @typedef {import("./witness.js").Call} Call
 * @typedef {import("./witness.js").TestState} TestState
 */
