import { ConfigError } from '../../../src/config/problem.ts'
import { COTURN_OPTIONS } from '../../../src/import/coturn/coturn-options.ts'
import { UnreadableFile } from '../../../src/import/eturnal-file.ts'
import { ETURNAL_OPTIONS } from '../../../src/import/eturnal-options.ts'
import { ForeignFile } from '../../../src/import/import-file.ts'
import { noteWords } from '../../../src/import/notes.ts'
import type { Dice } from '../../sim/random.ts'
import { importText, written } from '../../support/imported.ts'
import { havoc, insert, oneOf, upTo } from '../mutate.ts'
import { folderOf, must, type Target } from '../target.ts'

const [EN, DE] = [noteWords('en'), noteWords('de')]

/** Configurations of other servers: the first octet says which. Any text is read, and every line of it accounted for. */
export const imported: Target = {
  name: 'import',
  longest: 2048,
  slow: 60,
  seeds: () => SEEDS.map(seed => Buffer.from(seed)),
  run(input) {
    const name = (input[0] ?? 0) % 2 === 1 ? 'eturnal.yml' : 'turnserver.conf'
    let read: ReturnType<typeof importText>
    try {
      read = importText(input.toString('utf8', 1), name)
    } catch (error) {
      // The command says so in words, whatever the file is called.
      if (error instanceof UnreadableFile || error instanceof ForeignFile) return
      throw error
    }
    for (const { note, line } of read.entries) {
      must(line > 0, 'an entry of no line')
      must(
        !note || (EN.say(note.key, note.values) !== '' && DE.say(note.key, note.values) !== ''),
        'a note without words',
      )
    }
    const loaded = written(read, folderOf('import'))
    must(!(loaded instanceof ConfigError) || loaded.problems.length > 0, 'refused without a reason')
  },
  mutate,
}

const VALUES = [
  ...[
    'yes',
    'off',
    '0',
    '-1',
    '65536',
    '3478',
    '49152-65535',
    '10.0.0.0-10.255.255.255',
    '::1',
    '::/0',
    '0.0.0.0',
  ],
  ...[
    '198.51.100.7/10.0.0.5',
    'alice:secret',
    'turn.example.org',
    '"',
    "'",
    '&a',
    '*a',
    '!!map',
    '|',
    '- ',
    '{',
    '[',
  ],
  '3c0f6a1d9be24785a6f1c2d3e4b5a697',
]
const WORDS = [...Object.keys(COTURN_OPTIONS), ...Object.keys(ETURNAL_OPTIONS), ...VALUES].map(word =>
  Buffer.from(word),
)

/** Puts in a line with a key that one of the servers has, or changes some octets. */
function mutate(input: Buffer, other: Buffer, roll: Dice): Buffer {
  if (roll() < 0.4) return havoc(input, other, roll, WORDS)
  const starts = [1]
  for (let i = 1; i < input.length; i++) if (input[i] === 0x0a) starts.push(i + 1)
  const isYaml = (input[0] ?? 0) % 2 === 1
  const key = oneOf(roll, Object.keys(isYaml ? ETURNAL_OPTIONS : COTURN_OPTIONS)).replace(/^.*\./, '')
  const line = isYaml
    ? `${' '.repeat(upTo(roll, 4) * 2)}${key}: ${oneOf(roll, VALUES)}\n`
    : `${key}${oneOf(roll, ['=', ' ', ''])}${oneOf(roll, VALUES)}\n`
  const text = input.length === 0 ? Buffer.of(0) : input
  return insert(text, Math.min(oneOf(roll, starts), text.length), Buffer.from(line))
}

const SEEDS = [
  '\x00',
  '\x01',
  '\x00listening-port=3478\nuse-auth-secret\nstatic-auth-secret=3c0f6a1d9be24785a6f1c2d3e4b5a697\nrealm=turn.example.org\n',
  '\x00denied-peer-ip=10.0.0.0-10.255.255.255\nallowed-peer-ip=10.0.0.7\nuser=alice:secret\nexternal-ip=198.51.100.7/10.0.0.5\n',
  '\x01eturnal:\n  secret: "3c0f6a1d9be24785a6f1c2d3e4b5a697"\n  listen:\n    -\n      ip: "::"\n      port: 3478\n      transport: udp\n',
  '\x01eturnal:\n  blacklist_peers:\n    - recommended\n  credentials:\n    alice: secret\n  relay_min_port: 49152\n',
]
