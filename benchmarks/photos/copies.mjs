// Makes smaller copies of a photo with sharp, the quickest way it has: each of the largest one's pixels.
// node copies.mjs PHOTO COPIES: makes them once, writes them beside the photo and names their files in a line; then it
// makes them again for each line of standard input, and answers with their lengths.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const sharp = createRequire(join(process.env.PIXSTORE_NPM_MODULES, 'x.js'))('sharp')
sharp.cache(false) // it would keep the decoded photo
const [file, wanted] = process.argv.slice(2)
const photo = readFileSync(file)
const copies = JSON.parse(wanted)

const make = async () => {
  const largest = await sharp(photo).rotate().resize({ width: copies[0].width }).raw().toBuffer({ resolveWithObject: true })
  const from = { raw: largest.info }
  return Promise.all(
    copies.map(({ width, kind }) => sharp(largest.data, from).resize({ width })[kind]({ quality: 80 }).toBuffer()),
  )
}

const names = copies.map((_, place) => `${file}-${place}`)
for (const [place, made] of (await make()).entries()) writeFileSync(names[place], made)
console.log(names.join(' '))
for await (const _ of createInterface({ input: process.stdin })) {
  console.log((await make()).map((made) => made.length).join(' '))
}
