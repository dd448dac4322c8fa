/** The entry `element`, and what TypeScript knows the tag by, which no comment in JavaScript can say. */

import { PixImage } from "./types/element/index.js";

declare global {
  interface HTMLElementTagNameMap {
    "pix-image": PixImage;
  }
}

export { PixImage };
