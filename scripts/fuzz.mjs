// Fuzzes the relay, led by coverage.
//
//   npm run fuzz -- --seconds 600                     all targets, each its share of the time
//   npm run fuzz -- --target wire --seed 7            one target, and other luck
//   npm run fuzz -- --target relay --reproduce FILE   plays one input again
//
// Options: --target wire|front|relay|twins|cost|config|import, --seconds N (60; 0 plays the corpus once), --seed N (1), --corpus FOLDER (test/fuzz/corpus),
// --save (writes the smallest corpus that shows all edges back), --finds FOLDER (.fuzz/finds), --every SECONDS (10).
// Ends with 1 if anything was found.

import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { build, transform } from 'esbuild'
import { createInstrumenter } from 'istanbul-lib-instrument'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
/** Shares of the time: the relay has most to lose. */
const SHARES = new Map([
  ['wire', 3],
  ['front', 1],
  ['relay', 8],
  ['twins', 3],
  ['cost', 5],
  ['config', 1],
  ['import', 1],
])
/** What is looked at; the rest of the program is the stage. */
const INSTRUMENTED =
  /\/src\/(base|wire|core|limits|policy|shard|forward|auth|config|import)\/[^/]+(\/[^/]+)?\.ts$|\/src\/net\/(proxy\/[^/]+|stream\/(frame-reader|tls\/client-hello))\.ts$/
/** Milliseconds of CPU after which an input counts as one that does not end. */
const HANGS = 20_000
const FIGURES = 7
const INPUT_LENGTH = 6

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    corpus: { type: 'string', default: join(root, 'test/fuzz/corpus') },
    finds: { type: 'string', default: join(root, '.fuzz/finds') },
    reproduce: { type: 'string' },
    every: { type: 'string', default: '10' },
    save: { type: 'boolean', default: false },
  },
})

const bundle = await instrument()
let found = 0
let executions = 0
if (values.reproduce !== undefined && !values.target) throw new Error('--reproduce needs --target')
const names = values.target ? [values.target] : [...SHARES.keys()]
const shares = names.reduce((sum, name) => sum + (SHARES.get(name) ?? 1), 0)
for (const name of names) {
  const seconds = (Number(values.seconds) * (SHARES.get(name) ?? 1)) / shares
  await fuzz(name, seconds)
}
if (values.reproduce === undefined) {
  console.log(`${executions} executions in all, seed ${values.seed}, ${found} finds`)
}
process.exitCode = found > 0 ? 1 : 0

/**
 * Runs one target in a thread, and shows how it gets on.
 * @param {string} target
 * @param {number} seconds
 */
async function fuzz(target, seconds) {
  const figures = new Float64Array(new SharedArrayBuffer(FIGURES * 8))
  const input = new Uint8Array(new SharedArrayBuffer(65_536))
  const { corpus, finds, reproduce, save } = values
  const worker = new Worker(bundle, {
    workerData: {
      target,
      seconds,
      seed: Number(values.seed),
      corpus,
      finds,
      reproduce,
      save,
      figures,
      input,
    },
  })
  const begun = Date.now()
  const show = () => {
    const [runs = 0, entries, edges, crashes, slow, news = 0] = figures
    const took = (Date.now() - begun) / 1000
    console.log(
      `${target.padEnd(6)} ${took.toFixed(0).padStart(5)} s  ${runs} executions (${Math.round(runs / took)}/s)  ` +
        `${edges} edges  corpus ${entries}  ${crashes} crashes  ${slow} slow  ${runs - news} since the last news`,
    )
  }
  const shown = setInterval(show, Number(values.every) * 1000)
  let last = -1
  let since = 0
  const watched = setInterval(() => {
    const { user, system } = process.cpuUsage()
    const used = (user + system) / 1000
    if (figures[0] !== last) since = used
    last = figures[0] ?? 0
    if (used - since < HANGS || last === 0) return
    clearInterval(watched)
    const file = join(
      finds,
      `${target}-hang-${createHash('sha256').update(input).digest('hex').slice(0, 16)}`,
    )
    mkdirSync(finds, { recursive: true })
    writeFileSync(file, Buffer.from(input.subarray(0, figures[INPUT_LENGTH])))
    tell({ kind: 'hang', what: `no end after ${HANGS / 1000} s of CPU`, file })
    void worker.terminate()
  }, 1000)
  const tell = (/** @type {{ kind: string, what: string, file?: string }} */ find) => {
    found++
    console.log(`\n${target}: ${find.kind}: ${find.what}`)
    if (find.file)
      console.log(`  npm run fuzz -- --target ${target} --reproduce ${relative(process.cwd(), find.file)}\n`)
  }
  worker.on('message', told => (told.kind === 'summary' ? console.log(told.what) : tell(told)))
  await new Promise(done => {
    worker.once('error', error => {
      found++
      console.log(error instanceof Error ? error.stack : error)
    })
    worker.once('exit', done)
  })
  clearInterval(shown)
  clearInterval(watched)
  if (values.reproduce !== undefined) return
  show()
  executions += figures[0] ?? 0
}

/** Makes one file of the targets and the sources, with a call at each place that counts. Returns its path. */
async function instrument() {
  /** @type {import('esbuild').Plugin} */
  const plugin = {
    name: 'coverage',
    setup(builder) {
      builder.onLoad({ filter: INSTRUMENTED }, async ({ path }) => {
        const { code } = await transform(readFileSync(path, 'utf8'), { loader: 'ts', target: 'es2023' })
        return { contents: counted(code, path), loader: 'js' }
      })
    },
  }
  const outfile = join(root, '.fuzz', `bundle-${process.pid}.mjs`)
  await build({
    entryPoints: [join(root, 'test/fuzz/loop.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    legalComments: 'none',
    logLevel: 'error',
    plugins: [plugin],
  })
  return outfile
}

/**
 * Lets istanbul say where the places are, and counts them our way: in one map of edges.
 * @param {string} code
 * @param {string} path
 */
function counted(code, path) {
  const instrumenter = createInstrumenter({ esModules: true, compact: false, coverageVariable: '__places' })
  const name = relative(root, path)
  const marked = instrumenter
    .instrumentSync(code, name)
    .replaceAll(
      /cov_\w+\(\)\.([sfb])\[(\d+)\](?:\[(\d+)\])?\+\+/g,
      (_, kind, number, branch = '') => `__hit(${place(`${name} ${kind} ${number} ${branch}`)})`,
    )
  const coverage = join(root, 'test/fuzz/coverage.ts')
  return `import { hit as __hit } from ${JSON.stringify(coverage)}\n${marked}`
}

/**
 * A number of seventeen bits for a place, the same in every run.
 * @param {string} text
 */
function place(text) {
  return createHash('sha256').update(text).digest().readUInt32BE(0) & 0x1ffff
}
