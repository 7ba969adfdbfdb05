import fc from 'fast-check'
import t from 'tap'
import { ConfigError } from '../../../src/config/problem.ts'
import { COTURN_OPTIONS } from '../../../src/import/coturn/coturn-options.ts'
import { UnreadableFile } from '../../../src/import/eturnal-file.ts'
import { ETURNAL_OPTIONS } from '../../../src/import/eturnal-options.ts'
import { ForeignFile, importFile } from '../../../src/import/import-file.ts'
import { noteWords } from '../../../src/import/notes.ts'
import { AROUND, importText, written } from '../../support/imported.ts'

const [EN, DE] = [noteWords('en'), noteWords('de')]

const folder = t.testdir({})

const address = fc.constantFrom('10.0.0.5', '198.51.100.7', '::1', '2001:db8::7', '0.0.0.0', '::')
const value = fc.oneof(
  fc.string(),
  fc.integer({ min: -1, max: 70_000 }).map(String),
  address,
  fc.tuple(address, address).map(pair => pair.join('-')),
  fc.tuple(address, address).map(pair => pair.join('/')),
  fc.tuple(address, fc.nat(140)).map(pair => pair.join('/')),
  fc.tuple(fc.string(), fc.string()).map(pair => pair.join(':')),
  fc.constantFrom('yes', 'off', '"', '', 'recommended', '3c0f6a1d9be24785a6f1c2d3e4b5a697'),
)

const coturnLine = fc
  .tuple(
    fc.oneof(
      { arbitrary: fc.constantFrom(...Object.keys(COTURN_OPTIONS)), weight: 6 },
      { arbitrary: fc.string(), weight: 1 },
    ),
    fc.constantFrom('=', ' ', '\t', ' = '),
    value,
  )
  .map(([key, separator, value]) => `${key}${separator}${value}`.replaceAll(/[\r\n]/g, ' '))

/** Valid, or the report says what is to be filled in. Whatever it is, it does not throw. */
function usable(imported: ReturnType<typeof importText>): boolean {
  const loaded = written(imported, folder)
  return !(loaded instanceof ConfigError) || loaded.problems.length > 0
}

t.test(
  'any lines are reported once each, in their order, and lead to a file or to what is missing',
  async t => {
    fc.assert(
      fc.property(fc.array(coturnLine, { maxLength: 30 }), lines => {
        const imported = importFile(
          { text: lines.join('\n'), name: 'turnserver.conf', from: 'coturn' },
          { ...AROUND, folder: '/etc' },
        )
        const numbers = lines.flatMap((line, i) =>
          line.trim() === '' || line.trim().startsWith('#') ? [] : [i + 1],
        )
        const reported = imported.entries.map(({ line }) => line)
        for (const { note } of imported.entries) {
          if (note && (EN.say(note.key, note.values) === '' || DE.say(note.key, note.values) === ''))
            return false
        }
        return JSON.stringify(reported) === JSON.stringify(numbers) && usable(imported)
      }),
      { numRuns: 150 },
    )
    t.pass()
  },
)

t.test('a file that says who may issue is valid, whatever else it says about known options', async t => {
  const harmless = Object.keys(COTURN_OPTIONS).filter(
    // A certificate has to be there, and a metrics port may be one that is taken.
    name =>
      !/^(cert|pkey|realm|user|static-auth-secret|prometheus.*|.*-port|aux-server|listening-ip)$/.test(name),
  )
  const line = fc
    .tuple(fc.constantFrom(...harmless), value)
    .map(([key, value]) => `${key}=${value}`.replaceAll(/[\r\n]/g, ' '))
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), lines => {
      const text = ['static-auth-secret=3c0f6a1d9be24785a6f1c2d3e4b5a697', ...lines].join('\n')
      const loaded = written(importText(text), folder)
      if (loaded instanceof ConfigError) throw loaded
    }),
    { numRuns: 100 },
  )
  t.pass()
})

t.test('any YAML is reported value by value, and anything else is refused as no YAML', async t => {
  const yaml = fc.dictionary(
    fc.oneof(fc.constantFrom(...Object.keys(ETURNAL_OPTIONS)), fc.string()),
    fc.oneof(
      value,
      fc.boolean(),
      fc.integer(),
      fc.array(value),
      fc.dictionary(fc.string(), value),
      fc.constant(null),
    ),
  )
  fc.assert(
    fc.property(yaml, content => {
      const imported = importText(JSON.stringify({ eturnal: content }), 'eturnal.yml')
      return usable(imported) && new Set(imported.entries).size === imported.entries.length
    }),
    { numRuns: 100 },
  )
  fc.assert(
    fc.property(fc.string(), text => {
      try {
        return usable(importText(text, 'eturnal.yml'))
      } catch (error) {
        return error instanceof UnreadableFile || error instanceof ForeignFile
      }
    }),
    { numRuns: 100 },
  )
  t.pass()
})
