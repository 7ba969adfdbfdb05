// Hooks of Node's module loader: TypeScript without its types, kept in node_modules/.cache.

import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const KEPT = join(ROOT, 'node_modules', '.cache', 'stripped')
const require = createRequire(import.meta.url)
/** What was compiled otherwise is compiled anew. */
const VERSION = `${require('typescript/package.json').version} 1`

/** @type {import('node:module').LoadHook} */
export async function load(url, context, nextLoad) {
  const path = url.startsWith('file:') ? fileURLToPath(url) : ''
  if (!path.endsWith('.ts')) return nextLoad(url, context)
  const source = readFileSync(path, 'utf8')
  const stamp = createHash('sha1').update(VERSION).update(source).digest('hex')
  const place = join(KEPT, `${relative(ROOT, path).replaceAll('..', '_')}.js`)
  return {
    format: 'module',
    source: kept(place, stamp) ?? strip(path, source, place, stamp),
    shortCircuit: true,
  }
}

/**
 * What was kept of a source with this stamp.
 * @param {string} place
 * @param {string} stamp
 */
function kept(place, stamp) {
  try {
    const text = readFileSync(place, 'utf8')
    return text.endsWith(`\n//${stamp}\n`) ? text : undefined
  } catch {
    return undefined
  }
}

/**
 * @param {string} path
 * @param {string} source
 * @param {string} place
 * @param {string} stamp
 */
function strip(path, source, place, stamp) {
  /** @type {typeof import('typescript')} */
  const { ModuleKind, ScriptTarget, transpileModule } = require('typescript')
  const { outputText } = transpileModule(source, {
    fileName: path,
    compilerOptions: {
      module: ModuleKind.ESNext,
      target: ScriptTarget.ES2023,
      verbatimModuleSyntax: true,
      inlineSourceMap: true,
      inlineSources: true,
    },
  })
  const text = `${outputText}\n//${stamp}\n`
  mkdirSync(dirname(place), { recursive: true })
  // Others may be reading it, or writing it too.
  const unfinished = `${place}.${process.pid}`
  writeFileSync(unfinished, text)
  renameSync(unfinished, place)
  return text
}
