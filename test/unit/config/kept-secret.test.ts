import { chmodSync, chownSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { keptSecret } from '../../../src/config/secrets.ts'

const SECRET = '7f3a9c1e5b8d2f604a6c8e0b1d3f5a7c9e2b4d6f80a1c3e5'
const SOMEBODY = 12_345

const skip = process.getuid?.() === 0 ? false : 'only root can give files away'

t.test('S-26: a secret that somebody else put into the state folder is refused', { skip }, async t => {
  const { file } = planted(t.testdir({}), SOMEBODY, 0)
  const found = keptSecret(file, true)
  t.match(found, { ok: false, error: { key: 'secret-owner' } })
})

t.test('S-26: that of the relay, of root, and of the folder’s owner is taken', { skip }, async t => {
  for (const [owner, folderOwner] of [
    [0, 0],
    [0, SOMEBODY],
    [SOMEBODY, SOMEBODY],
  ] as const) {
    const { file } = planted(t.testdir({}), owner, folderOwner)
    t.match(keptSecret(file, true), { ok: true, value: SECRET }, `${owner} in a folder of ${folderOwner}`)
  }
})

t.test('a secret that this process makes is its own', async t => {
  const made = keptSecret(join(t.testdir({}), 'secret'), true)
  t.match(made, { ok: true, value: /^[0-9a-f]{64}$/ })
})

function planted(folder: string, owner: number, folderOwner: number): { readonly file: string } {
  const file = join(folder, 'secret')
  writeFileSync(file, `${SECRET}\n`)
  chmodSync(file, 0o600)
  chownSync(file, owner, owner)
  chownSync(folder, folderOwner, folderOwner)
  return { file }
}
