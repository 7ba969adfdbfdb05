import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openSqlite } from '../../../src/ledger/store/sqlite.ts'
import { ledgerSuite } from '../../support/ledger-suite.ts'

ledgerSuite(t as Test, async t => join(t.testdir(), 'ledger', 'ledger.sqlite'))

const LOADER = join(import.meta.dirname, '..', '..', 'loader', 'register.mjs')
const SQLITE = join(import.meta.dirname, '..', '..', '..', 'src', 'ledger', 'store', 'sqlite.ts')
const ROWS = 5000

t.test('what a process that was killed has left half written is rolled back by the next', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'taciturn-sqlite-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'ledger.sqlite')
  const before = await openSqlite(file)
  await before.run('CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, x TEXT)')
  await before.run(
    `WITH RECURSIVE c(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM c WHERE id < ${ROWS}) INSERT INTO t SELECT id, 0, hex(randomblob(100)) FROM c`,
  )
  await before.close()
  // With hardly any memory of its own, SQLite writes into the file before the transaction ends.
  const victim = `
    const { openSqlite } = await import(${JSON.stringify(SQLITE)})
    const database = await openSqlite(${JSON.stringify(file)})
    await database.all('PRAGMA cache_size = 5')
    await database.run('BEGIN IMMEDIATE')
    await database.run('UPDATE t SET n = n + 1')
    process.kill(process.pid, 'SIGKILL')`
  const { signal, stderr } = spawnSync(
    process.execPath,
    ['--import', LOADER, '--input-type=module', '-e', victim],
    { encoding: 'utf8' },
  )
  t.equal(signal, 'SIGKILL', stderr)
  t.ok(existsSync(`${file}-journal`))
  // As it is a minute later.
  if (existsSync(`${file}.lock`)) utimesSync(`${file}.lock`, 0, 0)
  const after = await openSqlite(file)
  t.match(await after.all('SELECT sum(n) AS n, count(*) AS rows FROM t'), [{ n: 0, rows: ROWS }])
  t.match(await after.all('PRAGMA integrity_check'), [{ integrity_check: 'ok' }])
  await after.close()
  t.notOk(existsSync(`${file}-journal`))
})
