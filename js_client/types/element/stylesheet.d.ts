/**
 * How the element looks as long as the page says nothing else: a sheet without specificity, which no policy forbids. The
 * placeholder lies upon the picture and is out of the flow, so that nothing moves when it goes.
 */
/** @param {Element} element  in a document, or in a shadow tree of one */
export declare function adoptStylesheet(element: Element): void;
