import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import t from 'tap'

/** What each folder of `src` may import. `types` are only there while compiling, so they tie nothing together. */
const MAY_IMPORT: Record<string, { readonly values: readonly string[]; readonly types?: readonly string[] }> =
  {
    base: { values: [] },
    wire: { values: ['base'] },
    limits: { values: ['base'] },
    core: { values: ['base', 'limits', 'wire'] },
    recording: { values: ['base', 'core', 'limits', 'wire'] },
    journal: { values: ['base', 'core'] },
    policy: { values: ['base'], types: ['core'] },
    auth: { values: ['base', 'wire'], types: ['core'] },
    forward: { values: ['base', 'wire'], types: ['limits'] },
    client: { values: ['base', 'wire'] },
    shard: { values: ['base', 'core', 'wire'], types: ['forward'] },
    system: { values: ['base'], types: ['texts'] },
    kernel: { values: ['base', 'forward', 'system'] },
    net: { values: ['base', 'limits', 'system', 'wire'], types: ['core', 'shard', 'texts'] },
    texts: { values: [] },
    load: { values: ['auth', 'base', 'client', 'net', 'system', 'texts', 'wire'] },
    config: { values: ['base', 'system', 'texts'] },
    import: { values: ['base', 'config', 'policy', 'texts'] },
    log: { values: ['base', 'limits', 'texts', 'wire'], types: ['core'] },
    report: { values: ['base', 'log', 'texts'], types: ['config'] },
    ledger: { values: ['base', 'core', 'report', 'system', 'wire'], types: ['log'] },
    http: { values: ['base', 'limits', 'system'], types: ['texts'] },
    metrics: { values: ['base', 'http'], types: ['core'] },
    homeserver: { values: ['base'], types: ['config'] },
    acme: { values: ['base', 'http', 'system', 'texts'], types: ['config', 'log', 'net'] },
    mapping: { values: ['base', 'http', 'net', 'system'], types: ['config', 'log', 'texts'] },
    issue: { values: ['auth', 'base', 'homeserver', 'http', 'limits', 'texts'], types: ['config'] },
    control: { values: ['base', 'http', 'limits', 'system', 'texts'], types: ['core'] },
    health: { values: ['texts'] },
    notify: { values: ['base', 'health', 'http', 'limits', 'texts'] },
    verdict: { values: ['texts'], types: ['control'] },
    console: { values: ['verdict', 'health', 'texts'], types: ['control'] },
    relay: {
      values: [
        'auth',
        'base',
        'core',
        'forward',
        'journal',
        'kernel',
        'limits',
        'net',
        'policy',
        'recording',
        'shard',
        'system',
        'texts',
      ],
      types: ['config', 'log'],
    },
    workers: {
      values: ['base', 'core', 'journal', 'limits', 'log', 'net', 'relay', 'system'],
      types: ['config', 'kernel', 'policy', 'texts'],
    },
    handover: { values: ['base', 'core', 'journal', 'system', 'texts'], types: ['config', 'relay'] },
    operate: {
      values: ['auth', 'base', 'config', 'health', 'policy', 'relay', 'system', 'texts'],
      types: ['control', 'core', 'log', 'metrics', 'workers'],
    },
    process: {
      values: [
        'acme',
        'auth',
        'base',
        'config',
        'control',
        'handover',
        'homeserver',
        'http',
        'issue',
        'kernel',
        'ledger',
        'log',
        'mapping',
        'metrics',
        'net',
        'notify',
        'operate',
        'policy',
        'relay',
        'report',
        'system',
        'texts',
        'workers',
      ],
      types: ['core'],
    },
    dial: { values: ['base', 'client'] },
    library: {
      values: [
        'auth',
        'base',
        'client',
        'config',
        'dial',
        'homeserver',
        'log',
        'process',
        'relay',
        'system',
        'wire',
      ],
    },
    doctor: {
      values: [
        'auth',
        'base',
        'client',
        'config',
        'dial',
        'homeserver',
        'net',
        'policy',
        'system',
        'texts',
        'wire',
      ],
    },
    cli: {
      values: [
        'auth',
        'base',
        'verdict',
        'config',
        'doctor',
        'health',
        'homeserver',
        'import',
        'kernel',
        'load',
        'log',
        'process',
        'recording',
        'relay',
        'report',
        'system',
        'texts',
      ],
      types: ['control'],
    },
  }

/** Exported names that two files may declare, each with its reason. */
const HOMONYMS: readonly string[] = []
/** Source files of one folder, without its subfolders. */
const MOST_FILES = 21

/** Folders that have no sockets, no clock and no randomness of their own. */
const PURE = ['base', 'wire', 'limits', 'core', 'auth', 'forward', 'shard', 'client']
const PURE_CRYPTO = ['createHash', 'createHmac', 'hash', 'timingSafeEqual']

/** What a pure folder would have to name to reach for the world. */
const IMPURE = [
  'Date\\.now',
  'new Date\\(\\)',
  'performance',
  'Math\\.random',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'process\\.',
  'console\\.',
  'globalThis',
  'getRandomValues',
]

interface Import {
  readonly from: string
  readonly typesOnly: boolean
  readonly names: readonly string[]
}
interface Source {
  /** Path below `src`, with `/`. */
  readonly path: string
  readonly folder: string
  readonly text: string
  readonly imports: readonly Import[]
}

const root = resolve(import.meta.dirname, '../../src')
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter(path => path.endsWith('.ts'))
  .map(path => readSource(path.replaceAll('\\', '/')))

t.test('the table in docs/ARCHITECTURE.md says the same', t => {
  const text = readFileSync(resolve(root, '../docs/ARCHITECTURE.md'), 'utf8')
  const rows = new Map<string, string>()
  for (const [, folders, imports] of text.matchAll(/^\| ([\w, ]+?) +\| (.*) \|$/gm)) {
    for (const folder of folders!.split(', ')) rows.set(folder, imports!)
  }

  for (const [folder, { values, types = [] }] of Object.entries(MAY_IMPORT)) {
    const [named = '', namedTypes = ''] = (rows.get(folder) ?? '').split('types of')
    t.same(foldersIn(named), [...values].sort(), folder)
    t.same(foldersIn(namedTypes), [...types].sort(), `types for ${folder}`)
  }
  t.end()
})

function foldersIn(text: string): string[] {
  return Object.keys(MAY_IMPORT)
    .filter(folder => new RegExp(`\\b${folder}\\b`).test(text))
    .sort()
}

t.test('there is something to check', t => {
  t.ok(sources.length > 20)
  t.ok(sources.some(source => source.imports.some(one => one.from.startsWith('../'))))
  t.end()
})

t.test('every folder is in the table', t => {
  const unknown = sources.filter(source => !(source.folder in MAY_IMPORT)).map(source => source.path)
  t.same(unknown, [])
  t.end()
})

t.test('arrows between folders point one way', t => {
  const wrong: string[] = []
  for (const { path, folder, imports } of sources) {
    const allowed = MAY_IMPORT[folder]
    if (!allowed) continue
    for (const { from, typesOnly } of imports) {
      if (!from.startsWith('.')) continue
      const target = relative(root, resolve(root, dirname(path), from)).replaceAll('\\', '/')
      const other = target.split('/')[0]!
      if (target.startsWith('..')) {
        // package.json is the one file outside that a program may read of itself.
        if (target !== '../package.json') wrong.push(`${path} imports ${from}, outside src`)
      } else if (other !== folder && !allowed.values.includes(other)) {
        const asType = allowed.types?.includes(other) ?? false
        if (!asType) wrong.push(`${path} imports ${from}`)
        else if (!typesOnly) wrong.push(`${path} imports ${from} for more than its types`)
      }
    }
  }
  t.same(wrong, [])
  t.end()
})

t.test('C-09: no file imports itself in a circle, types counted, tests included', t => {
  const edges = new Map<string, string[]>()
  const tests = readdirSync(join(root, '../test'), { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts'))
    .map(path => readSource(`../test/${path.replaceAll('\\', '/')}`))
  t.ok(tests.some(({ path }) => path === '../test/sim/sim.ts'))
  for (const { path, imports } of [...sources, ...tests]) {
    const targets = imports.filter(one => one.from.startsWith('.'))
    edges.set(
      path,
      targets.map(one => join(dirname(path), one.from).replaceAll('\\', '/')),
    )
  }
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (path: string, trail: readonly string[]) => {
    if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(' > '))
    else if (!done.has(path)) {
      for (const target of edges.get(path) ?? []) visit(target, [...trail, path])
      done.add(path)
    }
  }
  for (const path of edges.keys()) visit(path, [])
  t.same(circles, [])
  t.end()
})

t.test('relative imports name the file with its extension', t => {
  const wrong = sources.flatMap(({ path, imports }) =>
    imports
      .filter(one => one.from.startsWith('.') && !/\.(ts|json)$/.test(one.from))
      .map(one => `${path}: ${one.from}`),
  )
  t.same(wrong, [])
  t.end()
})

t.test('pure folders take nothing of Node but Buffer and hashing', t => {
  const wrong: string[] = []
  for (const { path, folder, imports } of sources) {
    if (!PURE.includes(folder)) continue
    for (const { from, typesOnly, names } of imports) {
      if (from.startsWith('.') || typesOnly || from === 'node:buffer') continue
      const others = names.filter(name => !PURE_CRYPTO.includes(name))
      if (from !== 'node:crypto') wrong.push(`${path} imports ${from}`)
      else if (others.length > 0) wrong.push(`${path} imports ${others.join(', ')} from node:crypto`)
    }
  }
  t.same(wrong, [])
  t.end()
})

t.test('pure folders have no clock, timer, randomness or output of their own', t => {
  const impure = new RegExp(`\\b(${IMPURE.join('|')})`)
  const wrong = sources
    .filter(source => PURE.includes(source.folder))
    .flatMap(({ path, text }) => {
      const found = impure.exec(withoutComments(text))
      return found ? [`${path}: ${found[0]}`] : []
    })
  t.same(wrong, [])
  t.end()
})

t.test('nothing in src is random without being told how', t => {
  const wrong = sources.filter(({ text }) => /\bMath\.random\b/.test(withoutComments(text)))
  t.same(
    wrong.map(source => source.path),
    [],
  )
  t.end()
})

t.test('nothing is passed on from another folder, and no file only passes on', t => {
  const wrong: string[] = []
  const passing = /^export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s+from\s+['"]([^'"]+)['"]/gm
  for (const { path, text } of sources) {
    const bare = withoutComments(text)
    // The entry points of the library gather what belongs to them.
    if (path.startsWith('library/')) continue
    for (const [, from] of bare.matchAll(passing)) if (!from!.startsWith('./')) wrong.push(`${path}: ${from}`)
    if (passing.test(bare) && bare.replace(passing, '').trim() === '') wrong.push(path)
    passing.lastIndex = 0
  }
  t.same(wrong, [])
  t.end()
})

t.test('exports have names', t => {
  const wrong = sources.filter(({ text }) => /^export\s+default\b/m.test(withoutComments(text)))
  t.same(
    wrong.map(source => source.path),
    [],
  )
  t.end()
})

function readSource(path: string): Source {
  const text = readFileSync(join(root, path), 'utf8')
  const imports: Import[] = []
  const bare = withoutComments(text)
  for (const [, type, names, from] of bare.matchAll(
    /^import\s+(type\s+)?(?:([^'"]*?)\s+from\s+)?['"]([^'"]+)['"]/gm,
  )) {
    imports.push({ from: from!, typesOnly: type !== undefined, names: namesOf(names ?? '') })
  }
  for (const [, from] of bare.matchAll(/^export\s+[^'"\n]*\sfrom\s+['"]([^'"]+)['"]/gm)) {
    imports.push({ from: from!, typesOnly: false, names: [] })
  }
  for (const [, from] of bare.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g)) {
    imports.push({ from: from!, typesOnly: false, names: [] })
  }
  return { path, folder: path.split('/')[0]!, text, imports }
}

/** The names in an import clause; `* as x` counts as everything. */
function namesOf(clause: string): string[] {
  return clause
    .replace(/[{}]/g, '')
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '' && !name.startsWith('type '))
    .map(name => name.split(/\s+as\s+/)[0]!.trim())
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
}

t.test('C-04: a name that is exported means one thing: at most one in a hundred is declared twice', t => {
  const places = new Map<string, Set<string>>()
  for (const { path, text } of sources) {
    for (const [, name] of withoutComments(text).matchAll(
      /^export\s+(?:abstract\s+)?(?:async\s+)?(?:const|class|function|interface|type|enum)\s+(\w+)/gm,
    )) {
      places.set(name!, (places.get(name!) ?? new Set()).add(path))
    }
  }
  const twice = [...places].filter(([, files]) => files.size > 1).map(([name]) => name)
  t.same(
    twice.filter(name => !HOMONYMS.includes(name)),
    [],
  )
  t.ok(twice.length < places.size / 100)
  t.end()
})

t.test('no folder holds more than some twenty files', t => {
  const counts = new Map<string, number>()
  for (const { path } of sources) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1)
  t.same(
    [...counts].filter(([, count]) => count > MOST_FILES).map(([folder, count]) => `${folder}: ${count}`),
    [],
  )
  t.end()
})

t.test('C-10: every permission to import is used', t => {
  const used = new Set<string>()
  for (const { path, folder, imports, text } of sources) {
    for (const { from } of imports) used.add(`${folder}>${folderOf(path, from)}`)
    for (const [, from] of text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g))
      used.add(`${folder}>${folderOf(path, from!)}`)
  }
  const idle = Object.entries(MAY_IMPORT).flatMap(([folder, { values, types = [] }]) =>
    [...values, ...types]
      .filter(other => !used.has(`${folder}>${other}`))
      .map(other => `${folder} → ${other}`),
  )
  t.same(idle, [])
  t.end()
})

function folderOf(path: string, from: string): string {
  return relative(root, resolve(root, dirname(path), from))
    .replaceAll('\\', '/')
    .split('/')[0]!
}
