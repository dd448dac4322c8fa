/** Defines `<pix-image>`. On a server, without custom elements, it does nothing. */

import { PixImage } from "./pix-image.js";

try {
  customElements.define("pix-image", PixImage);
} catch {
  // On a server, or in a page that loads this file twice, for instance from a bundle and from a mount.
}

export { PixImage };
