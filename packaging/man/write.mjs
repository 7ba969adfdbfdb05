// Writes the manual pages into a folder, those in German into de/. Run after a build:
//
//   node packaging/man/write.mjs FOLDER

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { programPage } from './program-page.mjs'
import { settingsPage } from './settings-page.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * @param {string} folder
 * @param {number} epoch seconds since 1970, for the date in the pages
 */
export async function writeManuals(folder, epoch) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const about = { version, date: new Date(epoch * 1000).toISOString().slice(0, 10) }
  const schema = JSON.parse(readFileSync(join(root, 'turnserver.schema.json'), 'utf8'))
  for (const [language, below] of /** @type {const} */ ([
    ['en', ''],
    ['de', 'de'],
  ])) {
    mkdirSync(join(folder, below), { recursive: true })
    const page = await programPage(args => help(args, language), about, language)
    writeFileSync(join(folder, below, 'taciturn.1'), page)
    writeFileSync(join(folder, below, 'turnserver.json.5'), settingsPage(schema, about, language))
  }
}

/**
 * Runs the program in this process; returns what it prints.
 * @param {string[]} args
 * @param {string} language
 */
async function help(args, language) {
  const { main } = await import(pathToFileURL(join(root, 'dist/cli/program.js')).href)
  let text = ''
  /** @param {string} part */
  const write = part => void (text += part)
  await main(args, { stdout: { write, columns: 110 }, stderr: { write }, env: { LANG: language }, cwd: '/' })
  return text
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeManuals(process.argv[2] ?? '.', Number(process.env.SOURCE_DATE_EPOCH ?? Date.now() / 1000))
}
