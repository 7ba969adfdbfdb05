import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Sealed } from '../../../src/control/sign-in/sealed.ts'

t.test('S-16: a sign-in may take as long as it says, whatever becomes of the wall clock', async t => {
  const wall = Date.now
  t.teardown(() => {
    Date.now = wall
  })
  const sealed = new Sealed()
  const text = sealed.seal('attempt', 600)
  const ended = sealed.seal('attempt', -1)
  Date.now = () => wall() + 86_400_000
  t.equal(sealed.open(text), 'attempt', 'a clock that is set forward ends nothing')
  Date.now = () => wall() - 86_400_000
  t.equal(sealed.open(ended), undefined, 'and one that is set back prolongs nothing')
})

/** Who reads the wall clock, and for which date. */
const DATES: Readonly<Record<string, string>> = {
  'log/pseudonyms.ts': 'pseudonyms of the day',
  'doctor/checks/certificate.ts': 'when certificates end',
  'doctor/checks/configuration.ts': 'whether the clock is right at all',
  'doctor/checks/authentication.ts': 'when a credential of others ends',
  'doctor/checks/handed-out.ts': 'when a credential of others ends',
  'doctor/http.ts': 'how far the clock of another is ahead',
  'doctor/facts.ts': 'when a credential is to end',
  'operate/health-watch.ts': 'when the certificate ends',
  'operate/relay-control.ts': 'dates that people are shown',
  'operate/open-sessions.ts': 'pseudonyms of the day',
  'operate/live-settings.ts': 'when the last reload was',
  'operate/changes.ts': 'blocks that end by the calendar, across restarts',
  'library/relay.ts': 'when a credential is to end',
  'control/tokens.ts': 'dates that people are shown',
  'control/tests/test-runs.ts': 'dates that people are shown',
  'control/access-log.ts': 'when somebody looked',
  'control/usage/usage-endpoints.ts': 'the month that is asked about',
  'ledger/clerk.ts': 'which hours, days and months are over',
  'ledger/store/sqlite.ts': 'how old a folder is, whose date is by the same clock',
  'cli/commands/credentials.ts': 'when a credential is to end',
  'cli/commands/control.ts': 'how long ago a date is',
  'system/clock.ts': 'the one for all others',
  'load/opening.ts': 'when a credential is to end',
  'load/servers.ts': 'from when a certificate is good',
  'console/test/page.ts': 'when a test was',
}

t.test('S-16: the wall clock is read for dates only, and nowhere else', async t => {
  const sources = join(import.meta.dirname, '../../../src')
  const readers = readdirSync(sources, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts') && /\bDate\.now\b/.test(readFileSync(join(sources, name), 'utf8')))
    .sort()
  t.same(readers, Object.keys(DATES).sort())
})
