/** What stands in a picture's place before it is there, as a URL that pages made on a server have, too. */
/**
 * A record's placeholder as a small PNG in a `data:` URL, which a Content-Security-Policy must allow in `img-src`.
 *
 * @param {{placeholder?: string | undefined, width?: number | undefined, height?: number | undefined}} record
 * @returns {string | undefined}  nothing where the record has no placeholder
 */
export declare function placeholderUrl({ placeholder, width, height }: {
    placeholder?: string | undefined;
    width?: number | undefined;
    height?: number | undefined;
}): string | undefined;
