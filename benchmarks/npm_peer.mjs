// npm's pixstore, unmodified: its endpoint on PIXSTORE_NPM_PORT, its data in PIXSTORE_NPM_DATA, its package in
// PIXSTORE_NPM_MODULES. Reads one command a line from standard input and answers each with one line of JSON.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const modules = process.env.PIXSTORE_NPM_MODULES
console.log = console.error // the package logs there; standard output is for answers
const { getImageRecord, initPixstoreBackend, saveImage } = await import(
  pathToFileURL(join(modules, 'pixstore/backend/index.js')).href
)
const databasePath = join(process.env.PIXSTORE_NPM_DATA, 'pixstore.sqlite')

// The package ships with `const IS_TEST = true`: these options restore its documented defaults.
initPixstoreBackend({
  databasePath,
  imageRootDir: join(process.env.PIXSTORE_NPM_DATA, 'images'),
  statelessKeyWindowLength: 20_000,
  frontendImageCacheLimit: 1000,
  frontendCleanupBatch: 50,
  defaultEndpointListenPort: Number(process.env.PIXSTORE_NPM_PORT),
})

const readSeconds = (since) => (performance.now() - since) / 1000

const commands = {
  save: ({ path }) => saveImage(readFileSync(path)),

  record: ({ id }) => getImageRecord(id),

  // Saves without a pause from as many loops as asked for, for at least so many seconds.
  async saves({ path, seconds, concurrent }) {
    const image = readFileSync(path)
    const started = performance.now()
    let count = 0
    let last
    const saveOn = async () => {
      do {
        last = await saveImage(image)
        count += 1
      } while (readSeconds(started) < seconds)
    }
    await Promise.all(Array.from({ length: concurrent }, saveOn))
    return { count, seconds: readSeconds(started), last: getImageRecord(last.id) }
  },

  // Times getImageRecord over many images, one after another as a list page asks for them.
  async records({ path, images, seconds }) {
    const image = readFileSync(path)
    const ids = []
    while (ids.length < images) ids.push((await saveImage(image)).id)
    const readAll = () => ids.map((id) => getImageRecord(id))
    for (let warm = 0; warm < 20; warm += 1) readAll()
    const started = performance.now()
    let count = 0
    do {
      count += readAll().length
    } while (readSeconds(started) < seconds)
    return { count, seconds: readSeconds(started) }
  },

  durability() {
    const Database = createRequire(join(modules, 'pixstore/package.json'))('better-sqlite3')
    const database = new Database(databasePath)
    const read = (name) => database.pragma(name, { simple: true })
    const found = { journal_mode: read('journal_mode'), synchronous: read('synchronous') }
    database.close()
    return found
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line)
  process.stdout.write(`${JSON.stringify(await commands[command.do](command))}\n`)
}
process.exit()
