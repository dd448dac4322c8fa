/** The parts of the element and the framework components, for frameworks without an entry of their own. */
export { sizeFor } from "./frame.js";
export { watchNearness } from "./nearness.js";
export { pixelsOf, placeholderUrl } from "./placeholder.js";
export { createView, IDLE } from "./view.js";
export type Pixels = import("./placeholder.js").Pixels;
export type Source = import("./view.js").Source;
export type View = import("./view.js").View;
export type ViewClient = import("./view.js").ViewClient;
export type ViewOptions = import("./view.js").ViewOptions;
export type ViewState = import("./view.js").ViewState;
/**
 * @typedef {import("./placeholder.js").Pixels} Pixels
 * @typedef {import("./view.js").Source} Source
 * @typedef {import("./view.js").View} View
 * @typedef {import("./view.js").ViewClient} ViewClient
 * @typedef {import("./view.js").ViewOptions} ViewOptions
 * @typedef {import("./view.js").ViewState} ViewState
 */
