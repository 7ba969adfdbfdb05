import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { decrypted, encrypted, NotDecrypted } from '../../../src/ledger/backups/age.ts'
import { freshKeys, readIdentities, readRecipient } from '../../../src/ledger/backups/age-keys.ts'
import { need } from '../../support/need.ts'

/** In pieces of such a size. */
async function* pieces(octets: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < octets.length; at += size) yield octets.subarray(at, at + size)
}

async function whole(octets: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = []
  for await (const piece of octets) all.push(piece)
  return Buffer.concat(all)
}

function keys() {
  const { recipient, identity } = freshKeys()
  const [read, identities] = [readRecipient(recipient), readIdentities(`# a comment\n\n${identity}\n`)]
  if (!read.ok || !identities.ok) throw new Error('keys of our own cannot be read')
  return { recipient, identity, read: read.value, identities: identities.value }
}

/** Around the ends of chunks of 64 KiB. */
const LENGTHS = [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000]

t.test(
  'what is encrypted for a key is read with it, whatever its length and in whichever pieces',
  async t => {
    const { read, identities } = keys()
    for (const length of LENGTHS) {
      const plain = randomBytes(length)
      const secret = await whole(encrypted(pieces(plain, 1000), read))
      for (const size of [1 << 20, 777])
        t.ok(plain.equals(await whole(decrypted(pieces(secret, size), identities))))
    }
  },
)

t.test('age reads what we write, and we read what age writes', need('age', 'age-keygen'), async t => {
  const folder = t.testdir()
  const file = (name: string) => join(folder, name)
  const { recipient, identity, read, identities } = keys()
  writeFileSync(file('key'), `${identity}\n`, { mode: 0o600 })
  t.equal(execFileSync('age-keygen', ['-y', file('key')], { encoding: 'utf8' }).trim(), recipient)
  for (const length of LENGTHS) {
    const plain = randomBytes(length)
    const ours = await whole(encrypted(pieces(plain, 5000), read))
    t.ok(plain.equals(execFileSync('age', ['-d', '-i', file('key')], { input: ours, maxBuffer: 1e7 })))
    const theirs = execFileSync('age', ['-r', recipient], { input: plain, maxBuffer: 1e7 })
    t.ok(plain.equals(await whole(decrypted(pieces(theirs, 5000), identities))))
  }
  const made = execFileSync('age-keygen', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  t.ok(readIdentities(made).ok)
  t.ok(readRecipient(/age1\w+/.exec(made)![0]).ok)
})

t.test(
  'a file that was changed, cut off or put together anew anywhere gives none of what is behind that',
  async t => {
    const { read, identities } = keys()
    const plain = randomBytes(150_000)
    const secret = await whole(encrypted(pieces(plain, 4096), read))
    const whyNot = (octets: Buffer, by = identities) =>
      whole(decrypted(pieces(octets, 4096), by)).then(
        () => 'it was read',
        error => error.why,
      )
    const refused = async (octets: Buffer) => t.equal(await whyNot(octets), 'damaged')
    await fc.assert(
      fc.asyncProperty(fc.nat(secret.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const damaged = Buffer.from(secret)
        damaged[at]! ^= change
        const isRefused = await whole(decrypted(pieces(damaged, 4096), identities)).then(
          () => false,
          error => error instanceof NotDecrypted,
        )
        if (!isRefused) throw new Error(`octet ${at} may be changed`)
      }),
      { numRuns: 200 },
    )
    const end = (chunks: number) => secret.length - 150_000 - 3 * 16 + chunks * (65_536 + 16)
    for (const length of [0, 10, 100, end(0), end(1), end(2), secret.length - 1])
      await refused(secret.subarray(0, length))
    await refused(Buffer.concat([secret, secret.subarray(-100)]))
    await refused(
      Buffer.concat([
        secret.subarray(0, end(0)),
        secret.subarray(end(1), end(2)),
        secret.subarray(end(0), end(1)),
        secret.subarray(end(2)),
      ]),
    )
    t.equal(await whyNot(secret, keys().identities), 'other-key')
  },
)

t.test('what is no key is refused, a letter beside the right one too', async t => {
  const { recipient, identity } = freshKeys()
  const wrong = (text: string) => `${text.slice(0, 20)}${text[20] === 'q' ? 'p' : 'q'}${text.slice(21)}`
  for (const text of ['', 'age1', 'age1qqqq', wrong(recipient), identity, `${recipient}q`])
    t.notOk(readRecipient(text).ok, text)
  const lower = wrong(identity.toLowerCase())
  for (const text of ['', '# nothing', recipient, lower, `${identity}\nand more`])
    t.notOk(readIdentities(text).ok, text)
})
