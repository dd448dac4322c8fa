/** What stands upon the picture until it is there: its ThumbHash on a canvas, which takes no address and so no policy. */
/** @param {string} placeholder  of a record */
export declare function paintedOf(placeholder: string): HTMLCanvasElement;
