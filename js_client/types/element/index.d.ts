/** Defines `<pix-image>`. On a server, without custom elements, it does nothing. */
import { PixImage } from "./pix-image.js";
export { PixImage };
