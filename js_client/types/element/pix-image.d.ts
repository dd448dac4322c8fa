/** The element `<pix-image>`: its attributes, properties and events. */
import type { ImageRecord } from "../format/records.js";
import type { Priority } from "../options/options.js";
import type { ViewClient, ViewState } from "../view/view.js";
export type Attributes = {
    /**
     * the id of the image, if no record is given: the client fetches its record
     */
    srcId: string;
    alt: string;
    /**
     * in CSS pixels, as of an `<img>`; 0 if it is not given
     */
    width: number;
    /**
     * the same
     */
    height: number;
    loading: "lazy" | "eager";
    /**
     * distance from the screen at which a lazy image is loaded, in pixels or per cent; default
     * "300px"
     */
    margin: string;
    fetchPriority: Priority;
};
declare const Base: new () => HTMLElement & Attributes;
/** The element's children, an `<img>` and at first a `<canvas>`, are in the light DOM. There is no shadow root. */
export declare class PixImage extends Base {
    #private;
    static observedAttributes: string[];
    /** @type {any}  the error in the state `error` */
    error: any;
    constructor();
    /** The record of the image. The attribute takes its JSON. */
    get record(): ImageRecord | undefined;
    set record(record: ImageRecord | undefined);
    /** The client that loads the images; default: the package's functions. */
    get client(): ViewClient;
    set client(client: ViewClient);
    /** @returns {ViewState["status"]} */
    get state(): ViewState["status"];
    /** Try again after an error. */
    retry(): void;
    connectedCallback(): void;
    disconnectedCallback(): void;
    /**
     * @param {string} name
     * @param {string | null} _before
     * @param {string | null} value
     */
    attributeChangedCallback(name: string, _before: string | null, value: string | null): void;
}
export {};
