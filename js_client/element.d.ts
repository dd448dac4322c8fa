/** The entry `element`, and the type of the tag, which a comment in JavaScript cannot declare. */

import { PixImage } from "./types/element/index.js";

declare global {
  interface HTMLElementTagNameMap {
    "pix-image": PixImage;
  }
}

export { PixImage };
