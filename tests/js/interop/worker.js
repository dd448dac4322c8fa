/** Reads images through one of the clients in a worker. */

import { readAll } from "./clients.js";

onmessage = async ({ data }) => {
  const [answer] = await readAll(data);
  postMessage(answer.error ?? "shows the image");
};
