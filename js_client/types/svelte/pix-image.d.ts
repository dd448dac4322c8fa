/** An action that shows an image in an `<img>`, and the client that components use. */
import type { ImageRecord } from "../format/records.js";
import type { PlaceOptions } from "../view/place.js";
import type { ViewClient } from "../view/index.js";
export type PixImageParameters = PlaceOptions & {
    record?: ImageRecord | null | undefined;
    id?: string | null | undefined;
    placeholder?: string | undefined;
    loading?: "lazy" | "eager" | null | undefined;
    client?: ViewClient | undefined;
};
/**
 * Give the components inside the current one a client of their own. Without it they use the package's functions.
 *
 * @param {ViewClient} client
 */
export declare const setClient: (client: ViewClient) => undefined;
/** @returns {ViewClient} */
export declare const getClient: () => ViewClient;
