/** The element `<pix-image>`, as pages see it: its attributes, properties and events. */
import type { ImageRecord } from "../format/records.js";
import type { Priority } from "../options/options.js";
import type { ViewClient, ViewState } from "../view/view.js";
export type Attributes = {
    /**
     * the id of the image to show, where no record is given: the client gets it
     */
    srcId: string;
    alt: string;
    /**
     * in CSS pixels, as those of an `<img>`; 0 where nothing is said
     */
    width: number;
    height: number;
    loading: "lazy" | "eager";
    /**
     * how far from the screen a lazy image is loaded, in pixels or per cent; default "300px"
     */
    margin: string;
    fetchPriority: Priority;
};
declare const Base: new () => HTMLElement & Attributes;
/** It has children of its own, an `<img>` and for a while a `<canvas>`, in the page's tree and not in one of its own. */
export declare class PixImage extends Base {
    #private;
    static observedAttributes: string[];
    /** @type {any}  why there is no picture, in the state `error` */
    error: any;
    constructor();
    /** The record of the image to show. The attribute takes its JSON. */
    get record(): ImageRecord | undefined;
    set record(record: ImageRecord | undefined);
    /** The client to get images with; by default the functions of the package. */
    get client(): ViewClient;
    set client(client: ViewClient);
    /** @returns {ViewState["status"]} */
    get state(): ViewState["status"];
    /** Try again what has failed. */
    retry(): void;
    /** @param {import("./picture.js").Position} [position]  from the observers of the screen */
    connectedCallback(position?: import("./picture.js").Position): void;
    disconnectedCallback(): void;
    /**
     * @param {string} name
     * @param {string | null} _before
     * @param {string | null} value
     */
    attributeChangedCallback(name: string, _before: string | null, value: string | null): void;
}
export {};
