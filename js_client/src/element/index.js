/** Defines `<pix-image>`, where there are elements; on a server it does nothing. */

import { PixImage } from "./pix-image.js";

try {
  customElements.define("pix-image", PixImage);
} catch {
  // On a server, or in a page that has this file twice, as from a bundle and from a mount.
}

export { PixImage };
