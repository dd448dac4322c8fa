// Prints wire vectors made by the encoder of the npm package pixstore, for tests/vectors/generate.py.
import { createHash } from 'node:crypto'
import { encodeWirePayload } from 'pixstore/shared/wire-encoder.js'

const fixed = (name, length) => createHash('shake256', { outputLength: length }).update(name).digest()
const hex = (bytes) => Buffer.from(bytes).toString('hex')

const key = fixed('npm key', 32)
const iv = fixed('npm iv', 12)
const tag = fixed('npm tag', 16)
const encrypted = fixed('npm image', 33)
const base64 = (bytes) => bytes.toString('base64')
const meta = { key: base64(key), iv: base64(iv), tag: base64(tag) }

const vector = (name, body, result) => ({
  name: `npm-${name}`,
  rule: 'what the encoder of npm pixstore 3.2.1 writes decodes',
  body: hex(body),
  result,
})

const updated = (token) =>
  vector(`updated-${token}`, encodeWirePayload({ state: 1, token, meta, encrypted }), {
    state: 1,
    token,
    key: hex(key),
    iv: hex(iv),
    tag: hex(tag),
    ciphertext: hex(encrypted),
  })

const vectors = [
  vector('success', encodeWirePayload({ state: 0, encrypted }), { state: 0, ciphertext: hex(encrypted) }),
  ...[1, 1795559342725, Number.MAX_SAFE_INTEGER].map(updated),
  ...[2, 3, 4, 5, 6].map((state) => vector(`state-${state}`, encodeWirePayload({ state }), { state })),
]
console.log(JSON.stringify(vectors))
