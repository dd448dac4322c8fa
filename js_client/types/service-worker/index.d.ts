/**
 * The service worker behind `<img src="/pixstore-image/-/image/ID">`, which `registerImageWorker` registers.
 *
 * It has no state of its own, so a new version takes over at once.
 */
export type WorkerScope = {
    clients: {
        claim: () => Promise<void>;
    };
    skipWaiting: () => Promise<void>;
    addEventListener: (type: string, listener: (event: any) => void) => void;
};
