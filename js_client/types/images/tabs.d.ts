/**
 * The other tabs of this origin: told what is cached and deleted, and kept from downloading what one of them does.
 *
 * What they hear is a namespace, an id and a token, in messages and in the names of channel and locks; never a key, a
 * proof or a byte of an image.
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
 * Nothing is opened before the first use.
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
     * The right to download a version, as the function that gives it back; nothing where another tab had it, which has
     * finished by now. Claims made in one tick are answered in one; nobody waits for a slow tab for long.
     *
     * @param {Version} version
     * @param {AbortSignal} signal
     */
    claim(version: Version, signal: AbortSignal): Promise<(() => void) | undefined>;
};
