import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { backupSuite, storeSuite } from '../../support/backup-suite.ts'

function scratch(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'taciturn-backups-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

backupSuite(t as Test, async t => join(scratch(t), 'ledger.sqlite'))
storeSuite(t as Test, async t => ({ folder: join(scratch(t), 'backups') }))
