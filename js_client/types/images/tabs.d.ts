/**
 * Coordinates the tabs of this origin: they learn of stored and removed images, and one tab downloads an image for all.
 *
 * Messages and the names of channel and locks contain a namespace, an id and a token, never a key, a proof or image
 * bytes.
 */
import type { CacheKind } from "../options/options.js";
export type Notice = {
    type: "stored" | "deleted" | "cleared" | "emptied";
    id?: string;
};
export type Version = {
    id: string;
    token: number;
};
export type Tabs = ReturnType<typeof createTabs>;
/**
 * Nothing is opened before `join` or `claim`.
 *
 * @param {{databaseName: string, namespace: string, cache: CacheKind}} options
 * @param {(notice: Notice) => void} onNotice  of a client with the same database and namespace
 */
export declare function createTabs({ databaseName, namespace, cache }: {
    databaseName: string;
    namespace: string;
    cache: CacheKind;
}, onNotice: (notice: Notice) => void): {
    /** Listen to the other tabs. */
    join(): void;
    leave(): void;
    isAlone: () => boolean;
    /** @param {Notice} notice */
    tell: (notice: Notice) => void | undefined;
    /**
     * Claim the download of a version. Resolves to the function that releases the claim, or, after another tab's
     * download has ended or `WAIT_LIMIT_MS` have passed, to undefined. Claims of one tick are answered in one tick.
     *
     * @param {Version} version
     * @param {AbortSignal} signal
     */
    claim(version: Version, signal: AbortSignal): Promise<(() => void) | undefined>;
};
