// Bundles the browser's side, src/console, into dist/console: the console, the test page, the page about one's own use and the set-up page, each file also compressed.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const source = new URL('../src/console/', import.meta.url)
const target = new URL('../dist/console/', import.meta.url)
const SCRIPTS = {
  app: 'main.ts',
  test: 'test/main.ts',
  usage: 'usage/main.ts',
  setup: 'setup/main.ts',
  early: 'early.ts',
}
const STYLES = { app: 'app.css', test: 'test/test.css' }
/** The pages, which are `page.html` with a style and a script of theirs. */
const PAGES = {
  'index.html': { style: 'app', script: 'app' },
  'test.html': { style: 'test', script: 'test' },
  'usage.html': { style: 'test', script: 'usage' },
  'setup.html': { style: 'app', script: 'setup' },
}
const PLAIN = { 'icon.svg': 'icon.svg' }

/** All files by name, as the relay serves them. */
export async function bundleConsole() {
  const path = name => fileURLToPath(new URL(name, source))
  const outdir = fileURLToPath(target)
  const entries = table => Object.entries(table).map(([out, name]) => ({ out, in: path(name) }))
  const result = await build({
    entryPoints: [...entries(SCRIPTS), ...entries(STYLES)],
    outdir,
    bundle: true,
    minify: true,
    format: 'iife',
    // light-dark() sets the floor for the console; the test page has to run in older browsers too.
    target: ['es2022', 'chrome105', 'firefox110', 'safari16'],
    charset: 'utf8',
    write: false,
    logLevel: 'warning',
  })
  const files = result.outputFiles.map(file => [file.path.slice(outdir.length), Buffer.from(file.contents)])
  for (const [name, from] of Object.entries(PLAIN)) files.push([name, readFileSync(new URL(from, source))])
  const page = readFileSync(new URL('page.html', source), 'utf8')
  for (const [name, { style, script }] of Object.entries(PAGES)) {
    files.push([name, Buffer.from(page.replace('{style}', style).replace('{script}', script))])
  }
  return new Map(files)
}

export function compressed(bytes) {
  return gzipSync(bytes, { level: 9 })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(target, { recursive: true })
  for (const [name, bytes] of await bundleConsole()) {
    writeFileSync(new URL(name, target), bytes)
    writeFileSync(new URL(`${name}.gz`, target), compressed(bytes))
  }
}
