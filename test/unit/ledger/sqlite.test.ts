import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ledgerSuite } from '../../support/ledger-suite.ts'
import { simulatedWeek } from '../../support/ledger-week.ts'

ledgerSuite(t as Test, async t => join(t.testdir(), 'ledger', 'ledger.sqlite'))

t.test('after a week of calls the ledger agrees with the ends of sessions, to the byte', async t =>
  simulatedWeek(t as Test, join(t.testdir(), 'ledger', 'ledger.sqlite')),
)
