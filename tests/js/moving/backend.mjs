// The back end of npm's pixstore, unmodified. Reads JSON commands from standard input, one a line, and answers each in
// one line: {"call": "start", database, images, port, formats?} first, then {"call": "save", image, directory?},
// {"call": "update", id, image} and {"call": "record", id}, with images in base64. It ends with its input.
import { createInterface } from 'node:readline'
import { getImageRecord, initPixstoreBackend, saveImage, updateImage } from 'pixstore/backend/index.js'

console.log = console.error // standard output is for answers
const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)

const calls = {
  start({ database, images, port, formats }) {
    initPixstoreBackend({
      databasePath: database,
      imageRootDir: images,
      defaultEndpointListenPort: port,
      statelessKeyWindowLength: 20000, // the published package has 200 ms
      ...(formats && { imageFormats: formats }),
    })
    return 'started'
  },
  save: ({ image, directory }) => saveImage(Buffer.from(image, 'base64'), directory),
  update: ({ id, image }) => updateImage(id, Buffer.from(image, 'base64')),
  record: ({ id }) => getImageRecord(id),
}

for await (const line of createInterface({ input: process.stdin })) {
  const { call, ...values } = JSON.parse(line)
  try {
    answer({ result: await calls[call](values) })
  } catch (error) {
    answer({ error: error.message })
  }
}
process.exit()
