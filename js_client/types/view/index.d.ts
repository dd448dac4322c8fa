/** The parts of the element and the framework components, for frameworks without an entry of their own. */
export { watchNearness } from "./nearness.js";
export { placeholderUrl } from "./placeholder.js";
export { pixelsOf } from "./thumbhash.js";
export { sizeFor } from "./variants.js";
export { createView, IDLE } from "./view.js";
export type Pixels = import("./thumbhash.js").Pixels;
export type Source = import("./view.js").Source;
export type View = import("./view.js").View;
export type ViewClient = import("./view.js").ViewClient;
export type ViewOptions = import("./view.js").ViewOptions;
export type ViewState = import("./view.js").ViewState;
/**
 * @typedef {import("./thumbhash.js").Pixels} Pixels
 * @typedef {import("./view.js").Source} Source
 * @typedef {import("./view.js").View} View
 * @typedef {import("./view.js").ViewClient} ViewClient
 * @typedef {import("./view.js").ViewOptions} ViewOptions
 * @typedef {import("./view.js").ViewState} ViewState
 */
