/**
 * The default style of the element. Its rules have no specificity, so any rule of the page wins; an adopted sheet needs
 * no permission of a Content-Security-Policy. The placeholder is out of the flow, so that nothing moves when it is
 * removed. Until an image has a `src`, containment gives it its own size in WebKit, and its own baseline in Firefox: both
 * would take those of its `alt`.
 */

const RULES =
  ":where(pix-image){position:relative;display:inline-grid}" +
  ":where(pix-image>*){grid-area:1/1}" +
  ":where(pix-image:not([height])>img){max-width:100%;height:auto}" +
  ":where(pix-image>img[width][height]:not([src])){contain:size layout}" +
  ":where(pix-image>canvas){position:absolute;width:100%;height:100%}" +
  ":where(pix-image>[slot]){background:canvas}";

/** @type {CSSStyleSheet | undefined} */
let sheet;

/** @param {Element} element  in a document, or in a shadow tree of one */
export function adoptStylesheet(element) {
  try {
    const { adoptedStyleSheets } = /** @type {Document | ShadowRoot} */ (element.getRootNode());
    if (!sheet) (sheet = new CSSStyleSheet()).replaceSync(RULES);
    if (!adoptedStyleSheets.includes(sheet)) adoptedStyleSheets.push(sheet);
  } catch {
    // The document of a frame or popup can't adopt it: the element works there without a style.
  }
}
