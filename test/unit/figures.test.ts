import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'

/*
 * Figures of the structure that have no test of their own elsewhere. The others: import circles, names with two
 * meanings, files of a folder (`imports.test.ts`), long functions (`function-length.test.ts`), rate limits and bounded
 * maps (`limits/one-place.test.ts`), texts (`texts/catalogues.test.ts`), places that know a key of the configuration
 * (`config/one-description.test.ts`), ways to return a failure (`one-result.test.ts`).
 */

const root = resolve(import.meta.dirname, '../../src')
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter(path => path.endsWith('.ts'))
  .map(path => ({ path: path.replaceAll('\\', '/'), text: readFileSync(join(root, path), 'utf8') }))

const textOf = (path: string) => sources.find(one => one.path === path)?.text ?? ''

t.test('C-08: there is one place that sets up an HTTP server', async t => {
  const serving = sources.filter(({ text }) =>
    /import \{[^}]*\bcreateServer\b[^}]*\} from 'node:https?'/.test(text),
  )
  t.same(
    serving.map(({ path }) => path),
    ['http/server.ts'],
  )
})

t.test('C-03: a drain takes four hops from the signal to the core', async t => {
  const hops: readonly (readonly [from: string, call: RegExp])[] = [
    ['process/signals.ts', /shutdown\.drain\(\)/],
    ['operate/shutdown.ts', /shards\.drain\(true\)/],
    ['relay/local-shard.ts', /this\.#shard\.take\(\{ kind: 'drain', on \}\)/],
    ['shard/shard.ts', /take\(input: Input\): void \{(?:[^}]*\}){2}[^}]*this\.#relay\.handle\(input, now\)/],
  ]
  for (const [path, call] of hops) t.match(textOf(path), call, path)

  // Whoever else passes it on is another way in (the API), or another thread.
  const passing = sources
    .filter(({ path }) => /^(core|operate|process|relay|shard|workers)\//.test(path))
    .filter(({ text }) => /\.drain\((true|false|on|message\.on)?\)|(take|post)\(\{ kind: 'drain'/.test(text))
  t.same(passing.map(({ path }) => path).sort(), [
    'operate/relay-control.ts',
    'operate/shutdown.ts',
    'process/signals.ts',
    'relay/local-shard.ts',
    'workers/worker-shards.ts',
    'workers/worker.ts',
  ])
})

t.test('C-15: the moment of a request stands in one place, its reply', async t => {
  const request = textOf('core/requests/request.ts')
  t.match(request, /export interface Request \{[^}]*readonly reply: SignedReplyTo/)
  t.notMatch(request, /\bnow\b/)
  t.match(textOf('core/reply.ts'), /\breadonly at: Time/)
})

t.test('C-17: an allocation is set to a state only where it is in that state from then on', async t => {
  const set = sources
    .filter(({ path }) => path.startsWith('core/'))
    .flatMap(({ path, text }) =>
      Array.from(text.matchAll(/\.state = ('\w+'|\w+)/g), ([, state]) => `${path}: ${state}`),
    )
  t.same(set, ["core/close.ts: 'aborted'", "core/close.ts: 'closed'"])
})

t.test('C-18: which counters belong together is data, and no name of one is put together', async t => {
  const grouped = sources.filter(({ text }) =>
    /\bas CounterName\b|\bCounter\[`|startsWith\('(drop|error|auth|unserved)'\)/.test(text),
  )
  t.same(
    grouped.map(({ path }) => path),
    [],
  )
  const { COUNTER_NAMES } = await import('../../src/base/counters.ts')
  t.equal(new Set(COUNTER_NAMES).size, COUNTER_NAMES.length, 'each counter is in one group')
})

t.test('C-26: tests of the core walk through what they test, and leave nothing out on the way', async t => {
  const folder = join(import.meta.dirname, 'core')
  const skipping = readdirSync(folder).filter(file =>
    /^\s*(if \(.*\) )?continue$/m.test(readFileSync(join(folder, file), 'utf8')),
  )
  t.same(skipping, [])
})

t.test('C-33: one place knows what to do with what was thrown and need not be an error', async t => {
  const knowing = sources.filter(({ text }) =>
    /instanceof Error\b[^\n]*\bString\((error|thrown)\)/.test(text),
  )
  t.same(
    knowing.map(({ path }) => path),
    ['base/stack.ts'],
  )
})
