import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'jsonc-parser'
import t from 'tap'
import { configurationTypes } from '../../../scripts/configuration-types.mjs'
import { effective } from '../../../src/config/effective.ts'
import { load } from '../../../src/config/load.ts'
import { fill } from '../../../src/config/messages/messages.ts'
import { exampleFile } from '../../../src/config/schema/example.ts'
import { jsonSchema } from '../../../src/config/schema/json-schema.ts'
import { schema } from '../../../src/config/schema/schema.ts'
import { errorOf, folderWith, HOMESERVER, loadText, SECRET } from '../../support/loading.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const EXAMPLE = readFileSync(join(ROOT, 'turnserver.example.json'), 'utf8')
const PLACEHOLDER = 'replace-with-the-output-of-openssl-rand-hex-32'
/** The example with every key that it only shows switched on. */
const FULL = EXAMPLE.replaceAll(/^(\s*)\/\/(?=["{}\]])/gm, '$1')

interface Described {
  readonly properties?: Readonly<Record<string, Described>>
  readonly items?: Described
  readonly anyOf?: readonly Described[]
  readonly description?: string
}

/** Every key that the schema knows, as `limits.bitrate` or `homeservers[].name`. */
function* keys(of: Described, path = ''): Generator<readonly [path: string, Described]> {
  for (const [key, value] of Object.entries(of.properties ?? {})) {
    const at = path === '' ? key : `${path}.${key}`
    yield [at, value]
    yield* keys(value, at)
  }
  if (of.items) yield* keys(of.items, `${path}[]`)
  for (const one of of.anyOf ?? []) yield* keys(one, path)
}

/** Every key that a value has, written in the same way. */
function* keysOf(value: unknown, path = ''): Generator<string> {
  if (Array.isArray(value)) for (const one of value) yield* keysOf(one, `${path}[]`)
  else if (value !== null && typeof value === 'object') {
    for (const [key, inner] of Object.entries(value)) {
      const at = path === '' ? key : `${path}.${key}`
      yield at
      yield* keysOf(inner, at)
    }
  }
}

t.test('the type of a configuration is what the schema says now', async t => {
  const types = readFileSync(join(ROOT, 'src/library/configuration.ts'), 'utf8')
  t.equal(types, await configurationTypes(jsonSchema()), 'run: npm run schema')
})

t.test('turnserver.schema.json is what the schema says now', async t => {
  t.equal(readFileSync(join(ROOT, 'turnserver.schema.json'), 'utf8'), jsonSchema(), 'run: npm run schema')
})

t.test('turnserver.example.json is what the schema says now', async t => {
  t.equal(EXAMPLE, exampleFile(), 'run: npm run schema')
})

t.test('every key has a text for editors to show', async t => {
  for (const [path, { description }] of keys(JSON.parse(jsonSchema()))) t.ok(description, path)
})

t.test('the example has every key', async t => {
  const shown = new Set(keysOf(parse(FULL, [], { allowTrailingComma: true })))

  for (const [path] of keys(JSON.parse(jsonSchema()))) t.ok(shown.has(path), path)
})

t.test('the example is valid, also with everything switched on', async t => {
  for (const text of [EXAMPLE, FULL]) {
    const result = schema.safeParse(parse(text, [], { allowTrailingComma: true }))
    t.ok(result.success, JSON.stringify(result.error?.issues))
  }
})

t.test('the example holds the defaults', async t => {
  const text = EXAMPLE.replace(PLACEHOLDER, SECRET)
  const example = effective(loadText(t, text).settings)
  const bare = effective(loadText(t, `{ ${HOMESERVER}, "realm": "turn.example.org" }`).settings)

  t.same({ ...example, state: '' }, { ...bare, state: '' })
})

t.test(
  'a relay does not start with the secret of the example, and nothing else is wrong with it [ABU-10]',
  async t => {
    const folder = folderWith(t, { 'turnserver.json': EXAMPLE })
    const { problems } = errorOf(t, () => load({ cwd: folder, env: {} }))

    t.match(problems, [{ fault: { key: 'secret-example' } }])
    t.equal(problems.length, 1)
  },
)

t.test('effective settings hold no secret, and can be read again [REST-08]', async t => {
  const text = `{
    "homeservers": [{ "name": "a", "secrets": ["${SECRET}"], "secretFile": "turn", "limits": { "bitrate": "8 Mbit/s" } }],
    "users": [{ "name": "b", "password": "pass-word-of-b" }, { "name": "c", "keys": { "md5": "${'ab'.repeat(16)}", "sha256": "${'cd'.repeat(32)}" } }],
    "alternate": { "servers": ["203.0.113.8"], "domain": "turn2.example.org" },
    "peers": { "deny": ["recommended", "198.51.100.0/24"] },
  }`
  const { settings } = loadText(t, text, { turn: `y${SECRET}` })
  const written = JSON.stringify(effective(settings))

  t.notMatch(written, /5f0c1ad3|pass-word|abab|cdcd/)
  t.match(written, /\(redacted\)/)
  t.match(written, /"8 Mbit\/s"/)
  const known = new Set([...keys(JSON.parse(jsonSchema()))].map(([path]) => path))
  for (const path of keysOf(effective(settings))) t.ok(known.has(path), path)
})

t.test('a message is filled with its values', async t => {
  t.same(fill('too-big', { given: 70000, max: 65535 }, 'de'), [
    '70000 ist zu groß',
    '65535 oder weniger schreiben',
  ])
})
