/** A view loads one image, keeps it current and reports its state. The element and the framework components use it. */
import type { Client } from "../client.js";
import type { ImageRecord } from "../format/records.js";
import type { ImageOptions } from "../options/options.js";
export type Source = ImageRecord | string;
export type ViewClient = Pick<Client, "objectUrl" | "peek" | "getRecord" | "onRemoved">;
export type ViewState = {
    status: "idle" | "loading" | "shown" | "error";
    /**
     * the image; the previous one while another version or size of it is loading
     */
    url?: string | undefined;
    /**
     * of the image that is shown or loading, once it is known
     */
    record?: ImageRecord | undefined;
    error?: any;
};
export type ViewOptions = {
    /**
     * returns the record or one of its variants;
     * default: the record
     */
    choose?: ((record: ImageRecord) => ImageRecord) | undefined;
    /**
     * options of `getImage`; with the priority "low", the
     * view waits until no other view of the page is loading
     */
    image?: Omit<ImageOptions, "signal"> | undefined;
};
export type Wanted = {
    id: string;
    given: ImageRecord | undefined;
    record: ImageRecord | undefined;
    choose: (record: ImageRecord) => ImageRecord;
    chosen?: ImageRecord | undefined;
    image: ViewOptions["image"];
    /**
     * for views of a higher priority
     */
    isWaiting?: boolean;
};
export type View = ReturnType<typeof createView>;
/** @import { Client } from "../client.js" */
/** @import { ImageRecord } from "../format/records.js" */
/** @import { ObjectUrl } from "../images/object-urls.js" */
/** @import { Removed } from "../images/removal.js" */
/** @import { ImageOptions } from "../options/options.js" */
/** @typedef {ImageRecord | string} Source  a record, or an image id, for which the client fetches the record */
/** @typedef {Pick<Client, "objectUrl" | "peek" | "getRecord" | "onRemoved">} ViewClient */
/**
 * @typedef {object} ViewState
 * @property {"idle" | "loading" | "shown" | "error"} status
 * @property {string | undefined} [url]  the image; the previous one while another version or size of it is loading
 * @property {ImageRecord | undefined} [record]  of the image that is shown or loading, once it is known
 * @property {any} [error]
 */
/**
 * @typedef {object} ViewOptions
 * @property {((record: ImageRecord) => ImageRecord) | undefined} [choose]  returns the record or one of its variants;
 *   default: the record
 * @property {Omit<ImageOptions, "signal"> | undefined} [image]  options of `getImage`; with the priority "low", the
 *   view waits until no other view of the page is loading
 */
/**
 * The wanted image. `record` is the given record, or the fetched record of an id.
 *
 * @typedef {object} Wanted
 * @property {string} id
 * @property {ImageRecord | undefined} given
 * @property {ImageRecord | undefined} record
 * @property {(record: ImageRecord) => ImageRecord} choose
 * @property {ImageRecord | undefined} [chosen]
 * @property {ViewOptions["image"]} image
 * @property {boolean} [isWaiting]  for views of a higher priority
 */
/** @typedef {ReturnType<typeof createView>} View */
/** @type {ViewState} */
export declare const IDLE: ViewState;
/**
 * Make a view, which shows nothing yet.
 *
 * @param {ViewClient} client
 * @param {(state: ViewState) => void} onChange  called with each new state; before `show` returns if the image is in
 *   memory
 * @param {() => void} [onCleared]  called when everything is cleared, as at a sign-out: forget the wanted image and its
 *   key
 */
export declare function createView(client: ViewClient, onChange: (state: ViewState) => void, onCleared?: () => void): {
    /**
     * Show an image, unless this version and size of it is shown or loading, or has failed.
     *
     * @param {Source} source
     * @param {ViewOptions} [options]
     */
    show(source: Source, { choose, image }?: ViewOptions): void;
    hide: () => void;
    /** End the view: it must not be used any more. */
    end(): void;
    /** Try a failed image again, with the latest record. */
    retry: () => void;
};
