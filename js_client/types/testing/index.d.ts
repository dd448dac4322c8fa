/** For the tests of a page: a client with images in memory, which fails and waits as a test demands. */
export { fillInBrowser } from "./browser.js";
export { samplePng } from "./images.js";
export { createTestClient } from "./test-client.js";
export type Failure = import("./troubles.js").Failure;
export type Details = import("./images.js").Details;
export type Size = import("./images.js").Size;
export type TestClient = import("./test-client.js").TestClient;
export type TestConfig = import("./test-client.js").TestConfig;
export type TestControls = import("./test-client.js").TestControls;
export type Call = import("./witness.js").Call;
export type TestState = import("./witness.js").TestState;
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
