import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { z } from 'zod'
import { redacted } from '../../../src/config/effective.ts'
import {
  configKeys,
  describeSchema,
  everyKey,
  harmlessNames,
  isSecret,
  namesAt,
  restartKeys,
} from '../../../src/config/schema/description.ts'
import { exampleFile } from '../../../src/config/schema/example.ts'
import { secretText } from '../../../src/config/schema/fields.ts'
import type { Settings } from '../../../src/config/settings.ts'
import { merge } from '../../../src/operate/merge.ts'
import { HOMESERVER, problemsOf, shownFor } from '../../support/loading.ts'

/** A key that exists nowhere but here. */
const KEYS = describeSchema(
  z.strictObject({
    section: z
      .strictObject({
        harmless: z.int().default(3).meta({ restart: true }).describe('What it is for.'),
        hush: secretText().exactOptional().describe('A secret.'),
      })
      .prefault({})
      .describe('A section.'),
  }),
)

t.test('C-06: a key that is described once has its place in the example file', async t => {
  const text = exampleFile(KEYS)

  t.match(text, /\/\/ What it is for\. \[restart\]\n {4}"harmless": 3,/)
  t.match(text, /\/\/ A secret\.\n {4}\/\/"hush": /)
})

t.test('C-06: a key that is described once is shown or redacted as it says', async t => {
  t.notOk(isSecret(['section', 'harmless'], KEYS))
  t.ok(isSecret(['section', 'hush'], KEYS))
  t.ok(isSecret(['section', 'unheard-of'], KEYS), 'what nobody has described may be a secret')
  t.ok(harmlessNames(KEYS).has('harmless'))
  t.notOk(harmlessNames(KEYS).has('hush'))
  t.same(redacted({ section: { harmless: 1, hush: 'x' } }, KEYS), {
    section: { harmless: 1, hush: '(redacted)' },
  })
  t.same(namesAt(['section'], KEYS), ['harmless', 'hush'])
})

t.test(
  'C-06, C-22: a key that is marked so waits for a restart, without a list beside the schema',
  async t => {
    const settings = (harmless: number, hush: string) =>
      ({ section: { harmless, hush } }) as unknown as Settings
    const merged = merge(settings(1, 'a'), settings(2, 'b'), restartKeys(KEYS))

    t.same(merged.restart, ['section.harmless'])
    t.same(merged.settings, { section: { harmless: 1, hush: 'b' } })
  },
)

t.test('C-06: the value of every key that is not a secret is shown', async t => {
  for (const key of ['peersPerUserPerMinute', 'allocationsPerUser', 'unverifiedAnswers']) {
    const [problem] = problemsOf(t, `{ ${HOMESERVER}, "limits": { "${key}": "lots" } }`)
    t.match(problem?.what, /"lots"/, key)
    t.match(shownFor(t, `{ "limits": { "${key}": "lots" } }`), /"lots" \}/, key)
  }
})

t.test('U-44: protocol.sha256 is not a secret, and users[].keys.sha256 is', async t => {
  t.match(shownFor(t, '{ "protocol": { "sha256": "true" } }'), /"sha256": "true"/)
  t.notMatch(
    shownFor(t, '{ "users": [{ "name": "a", "keys": { "md5": "0", "sha256": "5ecre7" } }] }'),
    /5ecre7/,
  )
})

const LEVELS = [
  ['verbose', 'debug'],
  ['WARNING', 'warn'],
  ['fatal', 'error'],
  ['inof', 'info'],
  ['unheard-of', 'info'],
] as const

for (const [given, suggested] of LEVELS) {
  t.test(`U-43: for the log level "${given}" the word "${suggested}" is suggested`, async t => {
    const [problem] = problemsOf(t, `{ ${HOMESERVER}, "log": { "level": "${given}" } }`)
    t.match(problem?.fix, `"${suggested}"`)
  })
}

t.test('C-06: at most three places of the configuration know a key', async t => {
  const root = join(import.meta.dirname, '..', '..', '..', 'src')
  const files = ['config', 'operate', 'process']
    .flatMap(folder =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map(name => join(folder, name)),
    )
    .filter(name => name.endsWith('.ts'))
    .map(name => ({ name, code: withoutComments(readFileSync(join(root, name), 'utf8')) }))
  const names = new Set([...everyKey(configKeys())].map(([path]) => path.at(-1)!))
  // Other names are words that stand for other things, too.
  const telling = [...names].filter(name => /[a-z][A-Z]/.test(name))
  t.ok(telling.length > 20)
  for (const key of telling) {
    const pattern = new RegExp(`(?<![\\w"])${key}(?![\\w"])`)
    // The files of the schema are one place.
    const places = new Set(
      files.filter(({ code }) => pattern.test(code)).map(({ name }) => name.replace(/schema\/.*/, 'schema')),
    )
    t.ok(places.size <= 3, `${key}: ${[...places].join(' ')}`)
  }
})

function withoutComments(code: string): string {
  return code.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
}
