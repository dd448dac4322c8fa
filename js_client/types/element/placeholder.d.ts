/** What stands upon the picture until it is there: its ThumbHash on a canvas, which takes no address and so no policy. */
/** @param {string} placeholder  of a record */
export declare function paintedOf(placeholder: string): HTMLCanvasElement;
/**
 * Let it go. Transparent pictures would let it shine through, so it is above and fades, not the picture.
 *
 * @param {HTMLCanvasElement} canvas
 */
export declare function fade(canvas: HTMLCanvasElement): void;
