/** Elements out of the page's templates. */

/**
 * @param {string} selector
 * @returns {HTMLElement}
 */
export const fromTemplate = (selector) => document.querySelector(selector).content.firstElementChild.cloneNode(true);
