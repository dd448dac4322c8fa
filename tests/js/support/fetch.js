/** Run `work` with a stub in place of fetch and return the calls it got: [{url, init}, …]. */
export async function stubFetch(respond, work) {
  const calls = [];
  const original = globalThis.fetch;
  globalThis.fetch = async (url, init) => {
    calls.push({ url, init });
    return respond();
  };
  try {
    await work();
  } finally {
    globalThis.fetch = original;
  }
  return calls;
}
