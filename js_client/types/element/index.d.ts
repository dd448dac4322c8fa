/** Defines `<pix-image>`, where there are elements; on a server it does nothing. */
import { PixImage } from "./pix-image.js";
export { PixImage };
