/** One place on a page that shows an image: what the element and the frameworks have in common. */
import type { Client } from "../client.js";
import type { ImageRecord } from "../format/records.js";
import type { ImageOptions } from "../options/options.js";
export type Source = ImageRecord | string;
export type ViewClient = Pick<Client, "objectUrl" | "peek" | "getRecord" | "onRemoved">;
export type ViewState = {
    status: "idle" | "loading" | "shown" | "error";
    /**
     * of the image; while another version or size of it is loading, of the one before
     */
    url?: string | undefined;
    /**
     * of what is shown or loading, as soon as there is one
     */
    record?: ImageRecord | undefined;
    error?: any;
};
export type ViewOptions = {
    /**
     * the record or one of its variants; default the
     * record
     */
    choose?: ((record: ImageRecord) => ImageRecord) | undefined;
    /**
     * what `getImage` takes; with the priority "low", the view
     * loads once no other view of the page is loading
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
     * until no view of a higher priority is loading
     */
    isWaiting?: boolean;
};
export type View = ReturnType<typeof createView>;
/** @import { Client } from "../client.js" */
/** @import { ImageRecord } from "../format/records.js" */
/** @import { ObjectUrl } from "../images/object-urls.js" */
/** @import { Removed } from "../images/removal.js" */
/** @import { ImageOptions } from "../options/options.js" */
/** @typedef {ImageRecord | string} Source  a record, or the id of an image whose record the client gets */
/** @typedef {Pick<Client, "objectUrl" | "peek" | "getRecord" | "onRemoved">} ViewClient */
/**
 * @typedef {object} ViewState
 * @property {"idle" | "loading" | "shown" | "error"} status
 * @property {string | undefined} [url]  of the image; while another version or size of it is loading, of the one before
 * @property {ImageRecord | undefined} [record]  of what is shown or loading, as soon as there is one
 * @property {any} [error]
 */
/**
 * @typedef {object} ViewOptions
 * @property {((record: ImageRecord) => ImageRecord) | undefined} [choose]  the record or one of its variants; default the
 *   record
 * @property {Omit<ImageOptions, "signal"> | undefined} [image]  what `getImage` takes; with the priority "low", the view
 *   loads once no other view of the page is loading
 */
/**
 * What is to be shown. `record` is the one that was given, or, once it has come, that of an id.
 *
 * @typedef {object} Wanted
 * @property {string} id
 * @property {ImageRecord | undefined} given
 * @property {ImageRecord | undefined} record
 * @property {(record: ImageRecord) => ImageRecord} choose
 * @property {ImageRecord | undefined} [chosen]
 * @property {ViewOptions["image"]} image
 * @property {boolean} [isWaiting]  until no view of a higher priority is loading
 */
/** @typedef {ReturnType<typeof createView>} View */
/** @type {ViewState} */
export declare const IDLE: ViewState;
/**
 * @param {ViewClient} client
 * @param {(state: ViewState) => void} onChange  called with each new state; before `show` returns, where the image is in
 *   memory
 * @param {() => void} [onCleared]  called where all is cleared, as at a sign-out: forget what was to be shown, and its key,
 *   whether it was shown or not
 */
export declare function createView(client: ViewClient, onChange: (state: ViewState) => void, onCleared?: () => void): {
    /**
     * Show an image, unless this version and size of it is shown or on its way, or has failed.
     *
     * @param {Source} source
     * @param {ViewOptions} [options]
     */
    show(source: Source, { choose, image }?: ViewOptions): void;
    hide: () => void;
    /** Show nothing ever again. */
    end(): void;
    /** Try again what has failed, with the latest record. */
    retry: () => void;
};
