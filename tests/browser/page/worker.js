/** Gets an image inside a worker and hands its blob to the page. */

import { createClient } from "/images/-/client/index.js";

const client = createClient({ endpoint: "/images" });

onmessage = async ({ data }) => postMessage(await client.getImage(data));
