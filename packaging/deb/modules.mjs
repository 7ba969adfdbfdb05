// The modules that the relay needs when it runs, as package-lock.json has them, without what is for developers.

import { cpSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/**
 * @typedef {{ path: string, name: string, version: string, licence: string, text: string }} Module
 */

/** Folders at the top of a module that its code does not need. */
const LEFT_OUT = [
  'test',
  'tests',
  'benchmarks',
  'benchmark',
  'docs',
  'examples',
  'example',
  'fixtures',
  '.github',
  '.husky',
]
/** The same code a second time, for `require`, which the relay never calls. */
const SECOND_COPY = ['node_modules/nodemailer/dist/cjs']
const LICENCE = /^(?:licen[cs]e|copying|notice)(?:\.(?:md|txt))?$/i
/** Programs of modules, which nobody calls. */
const PROGRAM = /^bin\.m?js$/
const KEPT = /\.(?:js|cjs|mjs|json|node|wasm)$/

/**
 * Lists the modules. Throws where one is not there, or not the version that the lock file names.
 * @param {string} root
 * @returns {Module[]}
 */
export function productionModules(root) {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  /** @type {Module[]} */
  const modules = []
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (path === '' || entry.dev || entry.devOptional || entry.optional) continue
    const manifest = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8'))
    if (manifest.version !== entry.version) {
      throw new Error(`${path} is version ${manifest.version}, not ${entry.version}: run npm ci`)
    }
    if (entry.hasInstallScript) throw new Error(`${path} wants to run a script when it is installed`)
    const file = readdirSync(join(root, path)).find(name => LICENCE.test(name))
    const text = file ? readFileSync(join(root, path, file), 'utf8') : ''
    modules.push({
      path,
      name: manifest.name,
      version: manifest.version,
      licence: manifest.license ?? '',
      text,
    })
  }
  return modules
}

/**
 * Copies what of a module is code. Its licence goes into the package's copyright file.
 * @param {string} root
 * @param {Module} module
 * @param {string} to
 */
export function copyModule(root, { path }, to) {
  const from = join(root, path)
  cpSync(from, join(to, path), {
    recursive: true,
    filter: file => {
      const inside = file.slice(from.length + 1)
      if (inside === '') return true
      const parts = inside.split('/')
      // Modules below have an entry of their own in the lock file.
      if (parts.includes('node_modules')) return false
      if (LEFT_OUT.includes(parts[0] ?? '') || SECOND_COPY.includes(`${path}/${inside}`)) return false
      return keeps(file) && !PROGRAM.test(inside)
    },
  })
}

/** @param {string} file */
function keeps(file) {
  return statSync(file).isDirectory() || KEPT.test(file)
}
