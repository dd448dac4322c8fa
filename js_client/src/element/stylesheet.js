/**
 * How the element looks as long as the page says nothing else: a sheet without specificity, which no policy forbids. The
 * placeholder lies upon the picture and is out of the flow, so that nothing moves when it goes.
 */

const RULES =
  ":where(pix-image){display:inline-grid;position:relative}" +
  ":where(pix-image>*){grid-area:1/1}" +
  ":where(pix-image:not([height])>img){max-width:100%;height:auto}" +
  ":where(pix-image>canvas){position:absolute;width:100%;height:100%}" +
  ":where(pix-image>[slot]){background:canvas}";

/** @type {CSSStyleSheet | undefined} */
let sheet;

/** @param {Element} element  in a document, or in a shadow tree of one */
export function adoptStylesheet(element) {
  const { adoptedStyleSheets } = /** @type {Document | ShadowRoot} */ (element.getRootNode());
  if (!sheet) (sheet = new CSSStyleSheet()).replaceSync(RULES);
  if (!adoptedStyleSheets.includes(sheet)) adoptedStyleSheets.push(sheet);
}
