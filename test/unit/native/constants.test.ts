import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { RECORD } from '../../../src/base/address.ts'
import { HEADROOM, SEND, TAILROOM } from '../../../src/base/batch.ts'
import { BindFlag, ERROR_WORDS, NativeFeature, State } from '../../../src/system/native-addon.ts'

const NATIVE = join(import.meta.dirname, '../../../native')

/** The numbers that a file of C defines, by name. */
function defined(file: string): Map<string, number> {
  const text = readFileSync(join(NATIVE, file), 'utf8')
  const found = text.matchAll(/^#define (\w+) (\d+)u?\b/gm)
  return new Map([...found].map(([, name, value]) => [name!, Number(value)]))
}

t.test('C-24: C and TypeScript have the same constants', async t => {
  const batch = defined('batch.h')
  t.equal(batch.get('HEADROOM'), HEADROOM)
  t.equal(batch.get('TAILROOM'), TAILROOM)
  t.equal(batch.get('VERDICT_SEND'), SEND)
  t.equal(defined('errqueue.h').get('ERROR_WORDS'), ERROR_WORDS)
  t.equal(defined('address.h').get('RECORD'), RECORD)
})

t.test('C-24: C and TypeScript have the same flags, by name', async t => {
  const named = (flags: Readonly<Record<string, number>>, prefix: string) =>
    Object.entries(flags).map(([name, value]) => [prefix + name.toUpperCase(), value])
  const those = (file: string, prefix: string) =>
    [...defined(file)].filter(([name]) => name.startsWith(prefix))
  t.strictSame(those('socket.h', 'BIND_'), named(BindFlag, 'BIND_'))
  t.strictSame(those('binding.c', 'FEATURE_'), named(NativeFeature, 'FEATURE_'))
})

t.test('C-24: the words of the state stand in one order in C and TypeScript', async t => {
  const header = readFileSync(join(NATIVE, 'transport.h'), 'utf8')
  const words = [...header.matchAll(/^ {2}STATE_(\w+)\b/gm)].map(([, name]) => name!)
  t.equal(words.pop(), 'WORDS')
  const ours = Object.entries(State).sort(([, a], [, b]) => a - b)
  t.strictSame(
    ours.map(([, at]) => at),
    words.map((_, i) => i),
  )
  // In C the three kinds of loss have shorter names.
  const plain = (name: string) =>
    name
      .replace(/^lost/, '')
      .replaceAll(/(?<=[a-z])[A-Z]/g, c => `_${c}`)
      .toUpperCase()
  t.strictSame(
    ours.map(([name]) => plain(name)),
    words,
  )
})
