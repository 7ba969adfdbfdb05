import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ledgerSuite } from '../../support/ledger-suite.ts'

ledgerSuite(t as Test, async t => join(t.testdir(), 'ledger', 'ledger.sqlite'))
