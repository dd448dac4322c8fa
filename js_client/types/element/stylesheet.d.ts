/**
 * The default style of the element. Its rules have no specificity, so any rule of the page wins; an adopted sheet needs
 * no permission of a Content-Security-Policy. The placeholder is out of the flow, so that nothing moves when it is
 * removed.
 */
/** @param {Element} element  in a document, or in a shadow tree of one */
export declare function adoptStylesheet(element: Element): void;
