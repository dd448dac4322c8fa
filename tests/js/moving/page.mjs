// One browser's life with the front end of npm's pixstore, unmodified: reads images one after the other through one
// cache. Reads [{"url": of a route, "record"}, ...] from standard input; prints {"type", "base64", "requests"} or
// {"error"} for each.
import 'fake-indexeddb/auto'
import { json } from 'node:stream/consumers'

globalThis.window = globalThis // the package asks for window.crypto
const fetchReally = globalThis.fetch
let requests = 0
globalThis.fetch = (...values) => {
  requests += 1
  return fetchReally(...values)
}

const { getImage, initPixstoreFrontend } = await import('pixstore/frontend/index.js')
const results = []
for (const { url, record } of await json(process.stdin)) {
  const { hostname, port, pathname } = new URL(url)
  initPixstoreFrontend({
    defaultEndpointConnectHost: hostname,
    defaultEndpointConnectPort: Number(port),
    defaultEndpointRoute: pathname.replace(/\/$/, ''),
  })
  requests = 0
  try {
    const blob = await getImage(record)
    results.push({ type: blob.type, base64: Buffer.from(await blob.arrayBuffer()).toString('base64'), requests })
  } catch (error) {
    results.push({ error: error.message })
  }
  await new Promise((resolve) => setTimeout(resolve, 20)) // it writes its cache behind the caller's back
}
console.log(JSON.stringify(results))
