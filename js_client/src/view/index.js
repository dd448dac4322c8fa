/** The parts of the element and the framework components, for frameworks without an entry of their own. */

export { sizeFor } from "./frame.js";
export { watchNearness } from "./nearness.js";
export { pixelsOf, placeholderUrl } from "./placeholder.js";
export { createView, IDLE } from "./view.js";

/**
 * @typedef {import("./placeholder.js").Pixels} Pixels
 * @typedef {import("./view.js").Source} Source
 * @typedef {import("./view.js").View} View
 * @typedef {import("./view.js").ViewClient} ViewClient
 * @typedef {import("./view.js").ViewOptions} ViewOptions
 * @typedef {import("./view.js").ViewState} ViewState
 */
