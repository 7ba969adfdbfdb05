import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ledgerFiles } from '../../../src/ledger/ledger.ts'
import { contents } from '../../support/backup-suite.ts'
import { run } from '../../support/captured.ts'
import { fakePlane } from '../../support/fake-control.ts'
import { clerkRig, usageRow } from '../../support/ledger-suite.ts'

const OTHER = {
  realm: 'turn.example.org',
  homeservers: [{ name: 'example.org', secrets: ['0f1e2d3c4b5a69788796a5b4c3d2e1f0'] }],
}

/** A configuration with a ledger, and what is in it. */
async function rig(t: Test, backups: object | undefined, users: readonly string[] = ['alice', 'bob']) {
  const folder = mkdtempSync(join(tmpdir(), 'taciturn-backup-cli-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const { database } = ledgerFiles(join(folder, 'state'))
  const { write, clerk } = await clerkRig(t, database)
  await write(users.map((user, i) => usageRow(user, i + 1)))
  await clerk.do({ kind: 'deliver' })
  await clerk.close()
  const settings = { ...OTHER, ledger: { ...(backups && { backups }) } }
  writeFileSync(join(folder, 'turnserver.json'), JSON.stringify(settings), { mode: 0o600 })
  const say = (...args: string[]) => run(folder, ['backup', ...args, '--lang', 'en'])
  return { folder, database, say }
}

t.test('a ledger is backed up, encrypted, listed and restored with one command each', async t => {
  const { folder, database, say } = await rig(t as Test, undefined)
  t.match(await say('key', '--output', 'key.txt'), { code: 0, stdout: /"recipient": "age1/ })
  t.match(await say('key', '--output', 'key.txt'), { code: 5, stderr: /exists already/ })
  t.equal(statSync(join(folder, 'key.txt')).mode & 0o777, 0o600)
  const [recipient] = /age1\w+/.exec(readFileSync(join(folder, 'key.txt'), 'utf8'))!
  const settings = { ...OTHER, ledger: { backups: { folder: 'backups', recipient } } }
  writeFileSync(join(folder, 'turnserver.json'), JSON.stringify(settings), { mode: 0o600 })
  t.match(await say('list'), { code: 0, stdout: /there is no backup in .*backups/ })
  t.match(await say('restore'), { code: 1, stderr: /there is no backup/ })
  const made = await say('--json')
  t.match(JSON.parse(made.stdout), { rows: 4, removed: [], name: /^ledger-\d{8}T\d{6}Z\.jsonl\.gz\.age$/ })
  t.match(JSON.parse((await say('list', '--json')).stdout), {
    backups: [{ name: JSON.parse(made.stdout).name }],
  })
  const before = await contents(database)

  t.match(await say('restore', '--replace'), { code: 5, stderr: /--identity/ })
  t.match(await say('restore', '--identity', 'turnserver.json'), { code: 5, stderr: /no secret key/ })
  t.match(await say('restore', '--identity', 'key.txt'), { code: 5, stderr: /--replace/ })
  rmSync(database)
  t.match(await say('restore', '--identity', 'key.txt'), { code: 0, stdout: /was restored: 4 rows/ })
  t.strictSame(await contents(database), before)
  const replaced = await say('restore', '--identity', 'key.txt', '--replace')
  t.match(replaced, { code: 0, stdout: /before is .*ledger\.sqlite\.before-restore/ })
  t.strictSame(await contents(`${database}.before-restore`), before)
  t.match(await say('restore', 'other.gz', '--replace'), { code: 1, stderr: /ENOENT.*Nothing was changed/s })
})

t.test('a file from anywhere is restored, and none while a relay runs', async t => {
  const { folder, say } = await rig(t as Test, { folder: 'backups' })
  const { name } = JSON.parse((await say('--json')).stdout)
  const other = await rig(t as Test, undefined, [])
  const file = join(folder, 'backups', name)
  const { socket } = await fakePlane(t)
  const settings = { ...OTHER, control: socket, ledger: {} }
  writeFileSync(join(other.folder, 'turnserver.json'), JSON.stringify(settings), { mode: 0o600 })
  t.match(await other.say('restore', '--file', file), { code: 5, stderr: /the relay is running/ })
  writeFileSync(join(other.folder, 'turnserver.json'), JSON.stringify(OTHER), { mode: 0o600 })
  t.match(await other.say('restore', '--file', file), { code: 0, stdout: /4 rows/ })
  mkdirSync(join(folder, 'x'))
  writeFileSync(join(folder, 'x', 'cut.gz'), readFileSync(file).subarray(0, 100))
  const cut = await other.say('restore', '--file', join(folder, 'x', 'cut.gz'), '--replace')
  t.match(cut, { code: 5, stderr: /not whole|not a backup/ })
})

t.test('without a place, a ledger or anything in it, it says what to do', async t => {
  const { folder, say } = await rig(t as Test, undefined)
  t.match(await say(), { code: 5, stderr: /add "backups" to "ledger"/ })
  writeFileSync(join(folder, 'turnserver.json'), JSON.stringify({ ...OTHER, ledger: false }), { mode: 0o600 })
  t.match(await say(), { code: 5, stderr: /"ledger": false/ })
  const german = await run(folder, ['backup', '--lang', 'de'])
  t.match(german.stderr, /keine Nutzungsdaten/)
  const s3 = {
    endpoint: 'http://127.0.0.1:9',
    bucket: 'backups',
    accessKeyId: 'a',
    secretAccessKey: 'very secret',
  }
  writeFileSync(join(folder, 'turnserver.json'), JSON.stringify({ ...OTHER, ledger: { backups: { s3 } } }), {
    mode: 0o600,
  })
  const shown = await run(folder, ['validate', '--effective', '--config', 'turnserver.json'])
  t.match(shown.stdout, /"secretAccessKey": "\(redacted\)"/)
  t.notMatch(shown.stdout, /very secret/)
})
