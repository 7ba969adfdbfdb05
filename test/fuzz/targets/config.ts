import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { load } from '../../../src/config/load.ts'
import { ConfigError } from '../../../src/config/problem.ts'
import { jsonSchema } from '../../../src/config/schema/json-schema.ts'
import type { Dice } from '../../sim/random.ts'
import { havoc, insert, oneOf, upTo, without } from '../mutate.ts'
import { folderOf, must, type Target } from '../target.ts'

const SECRET = 'qW4xT9bN2mK7vR5zL8cJ3hG6fD1sA0pY'

/** The configuration: whatever the file holds, it is read or refused, and a refusal says where and in whole sentences. */
export const config: Target = {
  name: 'config',
  longest: 2048,
  slow: 40,
  seeds: () => SEEDS.map(seed => Buffer.from(seed)),
  run(input) {
    const file = join(folderOf('config'), 'turnserver.json')
    writeFileSync(file, input, { mode: 0o600 })
    try {
      const { settings, warnings } = load({ path: file, env: {}, cwd: folderOf('config'), mayWrite: false })
      must(settings.realm.length > 0 && settings.realm.length <= 763, 'a realm that fits no attribute')
      must(settings.listen.length > 0, 'nothing to listen on')
      must(warnings.every(isOneLine), 'a warning of several lines')
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      must(error.message.length > 0, 'a refusal without words')
    }
  },
  mutate,
}

function isOneLine(text: string): boolean {
  return !/[\n\r]/.test(text)
}

/** Every key there is, and two that objects have of their own. */
const KEYS = [
  ...new Set([
    '__proto__',
    'constructor',
    ...[...jsonSchema().matchAll(/"([a-zA-Z]+)": \{/g)].map(found => found[1]!),
  ]),
]
const VALUES = [
  ...['true', 'false', 'null', '0', '-1', '1e999', '65536', '4294967296', '""', '[]', '{}', '[[]]', '[{}]'],
  ...[
    '"udp://127.0.0.1:3478"',
    '"tls://[::1]:5349"',
    '"10.0.0.0/8"',
    '"::/0"',
    '"::ffff:0:0/96"',
    '"1-65535"',
  ],
  ...['"10 Mbit/s"', '"1h"', '"-5s"', '"49152-65535"', '"$X"', '"file:/nowhere"', '"\\u0000"', '"auto"'],
  `"${SECRET}"`,
]
const WORDS = [
  ...KEYS.map(key => `"${key}": `),
  ...VALUES,
  ',',
  '{',
  '}',
  '[',
  ']',
  '//',
  '/*',
  '*/',
  '\ufeff',
].map(word => Buffer.from(word))

/** Puts in keys and values, doubles and takes away what stands between commas and brackets. */
function mutate(input: Buffer, other: Buffer, roll: Dice): Buffer {
  const text = input.toString('latin1')
  const cuts = [0]
  for (let i = 0; i < text.length; i++) if ('{}[],:'.includes(text[i]!)) cuts.push(i + 1)
  const at = oneOf(roll, cuts)
  const end = cuts[cuts.indexOf(at) + 1 + upTo(roll, 4)] ?? text.length
  switch (upTo(roll, 6)) {
    case 0:
      return insert(input, at, Buffer.from(`"${oneOf(roll, KEYS)}": ${oneOf(roll, VALUES)},`))
    case 1:
      return Buffer.concat([
        input.subarray(0, at),
        Buffer.from(oneOf(roll, VALUES)),
        input.subarray(Math.max(at, end - 1)),
      ])
    case 2:
      return without(input, at, end - at)
    case 3:
      return insert(input, oneOf(roll, cuts), input.subarray(at, end))
    case 4:
      return insert(input, at, Buffer.from(oneOf(roll, VALUES)))
    default:
      return havoc(input, other, roll, WORDS)
  }
}

const HOMESERVER = `"homeservers":[{"name":"example.org","secrets":["${SECRET}"]}]`
const SEEDS = [
  '{}',
  '',
  '[]',
  `{"realm":"turn.example.org",${HOMESERVER}}`,
  `{// a comment\n${HOMESERVER},"listen":["udp://0.0.0.0:3478","tcp://[::]:3478"],"relay":{"addresses":["203.0.113.1"],"ports":"49152-65535"},}`,
  `{${HOMESERVER},"peers":{"deny":["10.0.0.0/8","::1"],"allow":["192.0.2.1-192.0.2.9"]},"limits":{"bitrate":"10 Mbit/s"}}`,
  `{${HOMESERVER},"metrics":{"listen":"127.0.0.1:9090"},"workers":2,"udp":"dgram","log":{"level":"info"}}`,
  `{"users":[{"name":"alice","password":"${SECRET}"}],"tls":{"certificate":"a.pem","key":"b.pem"}}`,
]
