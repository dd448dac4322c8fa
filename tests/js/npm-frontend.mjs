// Runs the published front end of npm's pixstore, unmodified, over records from standard input.
// Reads {"host", "port", "records": [...]}; prints for each record {"type", "base64"} or {"error"}.
import 'fake-indexeddb/auto'
import { readFileSync } from 'node:fs'

globalThis.window = globalThis // the package asks for window.crypto

const { getImage, initPixstoreFrontend } = await import('pixstore/frontend/index.js')
const { host, port, records } = JSON.parse(readFileSync(0, 'utf8'))
initPixstoreFrontend({ defaultEndpointConnectHost: host, defaultEndpointConnectPort: port })

const results = []
for (const record of records) {
  try {
    const blob = await getImage(record)
    results.push({ type: blob.type, base64: Buffer.from(await blob.arrayBuffer()).toString('base64') })
  } catch (error) {
    results.push({ error: error.message })
  }
}
console.log(JSON.stringify(results))
