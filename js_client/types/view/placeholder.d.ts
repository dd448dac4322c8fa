/** The placeholder of a picture as a URL, which server-rendered pages can use too. */
/**
 * Make a small PNG of a record's placeholder. A Content-Security-Policy must allow `data:` in `img-src`.
 *
 * @param {{placeholder?: string | undefined, width?: number | undefined, height?: number | undefined}} record
 * @returns {string | undefined}  a `data:` URL, or undefined if the record has no placeholder
 */
export declare function placeholderUrl({ placeholder, width, height }: {
    placeholder?: string | undefined;
    width?: number | undefined;
    height?: number | undefined;
}): string | undefined;
