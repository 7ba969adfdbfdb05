import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, lchownSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { changesFile, readChanges } from '../../../src/config/changes.ts'
import { keptSecret } from '../../../src/config/secrets.ts'
import { Identities } from '../../../src/ledger/identities.ts'
import { KeptHistory } from '../../../src/operate/kept-history.ts'
import { KeptBans } from '../../../src/process/kept-bans.ts'
import { readOwn } from '../../../src/system/own-file.ts'
import { range } from '../../support/ranges.ts'

const SOMEBODY = 12_345
const SECRET = '7f3a9c1e5b8d2f604a6c8e0b1d3f5a7c9e2b4d6f80a1c3e5'
const BANS = '[{"network":"0.0.0.0/0","since":1,"until":9e15,"by":"x"}]'
const HOUR = [1, 2, 3, 4, 5, 6, 7]
const skip = process.getuid?.() === 0 ? false : 'only root can give files away'

/** Every file that a start believes, and whether it was. */
const FILES = [
  ['secret', SECRET, (file: string) => keptSecret(file, false).ok],
  [
    'changes.json',
    '{"changes":[]}',
    (file: string) => readChanges(join(file, '..')).ok && file === changesFile(join(file, '..')),
  ],
  ['bans.json', BANS, (file: string) => new KeptBans(file, { warn: () => {} }).read().length > 0],
  [
    'history.jsonl',
    JSON.stringify(HOUR),
    (file: string) => new KeptHistory(join(file, '..'), { limited: () => {} }).read().hours.length > 0,
  ],
  [
    'ledger-keys.json',
    JSON.stringify({ keys: [{ key: '5a'.repeat(32), since: '2026-06-15' }] }),
    (file: string) => new Identities(file, 'pseudonym', () => {}).of('alice') !== '',
  ],
  [
    'history-day.json',
    JSON.stringify([HOUR]),
    (file: string) => new KeptHistory(join(file, '..'), { limited: () => {} }).read().minutes.length > 0,
  ],
] as const

for (const [name, text, isBelieved] of FILES) {
  t.test(
    `S-26: ${name} in the state folder is believed if it is ours, and so is what leads to it`,
    { skip },
    async t => {
      const folder = t.testdir({ state: {}, public: text })
      const [file, target] = [join(folder, 'state', name), join(folder, 'public')]
      writeFileSync(file, text)
      chmodSync(file, 0o600)
      chmodSync(target, 0o600)
      t.equal(isBelieved(file), true, 'of our own')
      chownSync(file, SOMEBODY, SOMEBODY)
      t.equal(isBelieved(file), false, 'of somebody else')
      execFileSync('rm', [file])
      symlinkSync(target, file)
      t.equal(isBelieved(file), true, 'by a link of our own')
      lchownSync(file, SOMEBODY, SOMEBODY)
      t.equal(
        isBelieved(file),
        false,
        'by a link that somebody else has made to a file of root that all may know',
      )
      execFileSync('rm', [file])
      execFileSync('mkfifo', [file])
      t.equal(isBelieved(file), false, 'a pipe holds nothing up')
    },
  )
}

t.test('S-26: what was opened is what is there by that name', { skip }, async t => {
  const folder = t.testdir({ mine: SECRET })
  t.same(readOwn(join(folder, 'mine')), { ok: true, value: SECRET })
  t.throws(() => readOwn(join(folder, 'none')), { code: 'ENOENT' })
})

t.test('S-26: nothing is written through a link that waits in the state folder', async t => {
  const folder = t.testdir({ state: {}, victim: 'dear' })
  const state = join(folder, 'state')
  for (const name of ['bans.json.new', 'bans.json', 'history.jsonl'])
    symlinkSync(join(folder, 'victim'), join(state, name))
  const ban = { range: range('203.0.113.7'), since: 1, until: 2, by: 'x' }
  const kept = new KeptBans(join(state, 'bans.json'), { warn: why => t.fail(String(why)) })
  kept.keep([ban])
  await kept.idle()
  t.match(readFileSync(join(state, 'bans.json'), 'utf8'), '203.0.113.7')

  const complaints: string[] = []
  const told = new Promise<void>(resolve => {
    const limited = (_: string, __: string, message: string) => {
      complaints.push(message)
      resolve()
    }
    const point = {
      at: 1,
      allocations: 0,
      bytesToPeer: 0,
      bytesToClient: 0,
      packets: 0,
      dropped: 0,
      rejected: 0,
    }
    new KeptHistory(state, { limited }).addHour(point)
  })
  await told
  t.match(complaints, [/cannot be kept/])
  t.equal(readFileSync(join(folder, 'victim'), 'utf8'), 'dear')
})
