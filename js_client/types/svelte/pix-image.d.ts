/** An action that shows an image in an `<img>`. */
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
