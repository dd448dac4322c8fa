/** What a page in TypeScript writes, and what its compiler is to refuse. */

import {
  createClient, createFetcher, decodePayload, DecryptError, FetchError, getImages, NotFoundError, RefusedError, WireState,
  type Client, type ImageFetcher, type ImageOptions, type ImageRecord, type OnProgress, type Priority,
} from "pixstore-asgi-client";
import { PixImage } from "pixstore-asgi-client/element";
import { createTestClient, samplePng, type Failure } from "pixstore-asgi-client/testing";

const wrapped = createFetcher("/images");
const fetcher: ImageFetcher = async (record, context, { signal }) => {
  signal.throwIfAborted();
  const body: Uint8Array = await (context ? wrapped(record) : wrapped(record, context, { signal }));
  const payload = decodePayload(body);
  if (payload.state === WireState.Updated) console.log(payload.token, payload.ciphertext.length);
  return body;
};
const client: Client = createClient({ endpoint: "/images", namespace: undefined, retries: 2 }, fetcher);

const onProgress: OnProgress = ({ id, loaded, total }) => console.log(id, loaded / total);
const priority: Priority = "low";
const options: ImageOptions = { onProgress, priority, refreshRecord: async (id) => (id ? null : records[0]!) };
declare const records: ImageRecord[];

for await (const { record, blob, error } of getImages(records, options)) {
  if (error) explain(error);
  else console.log(record.id, blob.size, URL.createObjectURL(blob));
}
const thumb: ImageRecord = records[0]?.variants?.["thumb"] ?? records[0]!;
const [width, placeholder]: [number, string] = [thumb.width ?? 0, thumb.placeholder ?? ""];
console.log(await client.getImage(thumb), width, placeholder);
// @ts-expect-error: no such option
await client.getImage(records[0]!, { progress: onProgress });

function explain(error: Error) {
  if (error instanceof RefusedError && error.reason === "InvalidProof") return error.state === WireState.InvalidProof;
  // @ts-expect-error: no such reason
  if (error instanceof DecryptError) return error.reason === "tags";
  // @ts-expect-error: no such state
  if (error instanceof NotFoundError) return error.state === 99;
  return error instanceof FetchError && error.status === 503;
}

// Tests of a page.
const testClient = createTestClient({ delayMs: 5, refreshes: undefined });
const shown: ImageRecord = testClient.addImage("players:ada", samplePng(), { variants: { thumb: { width: 8 } } });
const asClient: Client = testClient;
testClient.fail(shown.id, "offline", 1);
testClient.fail(shown.id, new FetchError("no answer", { status: 504 }));
// @ts-expect-error: nothing fails like this
testClient.fail(shown.id, "broken");
const failure: Failure = "damaged";
console.log(asClient.peek(shown)?.url, testClient.count("peek", shown.id), testClient.state().shown.length, failure);
testClient.recipientHeaders().then((headers) => testClient.record(shown.id, { accept: "*/*", ...headers }));
console.log(testClient.record(shown.id, new Headers()).meta.sealed);

// The element.
const made: PixImage = document.createElement("pix-image");
const found: PixImage | null = document.querySelector("pix-image");
made.record = shown;
made.client = asClient;
made.width = 320;
made.loading = "eager";
made.fetchPriority = priority;
made.addEventListener("error", ({ error }) => console.log(error, found?.state === "error", found instanceof PixImage));
// @ts-expect-error: no such way to load
made.loading = "soon";
// @ts-expect-error: the state is what the element is at
made.state = "shown";
