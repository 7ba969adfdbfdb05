import t from 'tap'
import { findings } from '../../../src/console/health.ts'
import { wordsOf } from '../../../src/console/words.ts'
import type { Status } from '../../../src/control/view.ts'
import { BEGIN, scriptedControl } from '../../support/scripted-control.ts'

const DAY = 86_400_000
const words = wordsOf('en', 'UTC')

async function found(over: Partial<Status>): Promise<string[]> {
  const control = scriptedControl(3)
  control.over = { homeservers: [], certificate: { expires: BEGIN + 60 * DAY }, ...over }
  return findings(await control.status(), words).map(({ level, text }) => `${level}: ${text}`)
}

t.test('a relay that is well has no findings', async t => {
  t.same(await found({}), [])
})

t.test('a certificate is warned of when renewal has failed, and urgent in the last week', async t => {
  t.same(await found({ certificate: { expires: BEGIN + 21 * DAY } }), [])
  t.same(await found({ certificate: { expires: BEGIN + 20.9 * DAY } }), [
    'warn: The certificate expires in 20 days.',
  ])
  t.same(await found({ certificate: { expires: BEGIN + 1.5 * DAY } }), [
    'bad: The certificate expires in 1 day.',
  ])
  t.match(await found({ certificate: { expires: BEGIN - 1 } }), [
    /^bad: The certificate expired on 14 May 2030/,
  ])
})

t.test('limits are warned of at four fifths and urgent just below the end', async t => {
  t.same(await found({ ports: { used: 79, total: 100 } }), [])
  t.match(await found({ ports: { used: 80, total: 100 } }), [/^warn: Relay ports: 80.% in use/])
  t.match(await found({ ports: { used: 95, total: 100 } }), [/^bad: Relay ports: 95.% in use/])
  t.same(await found({ ports: { used: 0, total: 0 } }), [], 'no limit, no finding')
})

t.test('what costs calls comes first', async t => {
  const all = await found({
    workers: { running: 2, missing: 1 },
    reload: { ok: false, at: BEGIN, problems: ['x'] },
    notReady: ['no certificate'],
  })
  t.match(all, [
    /^bad: New calls.*no certificate/,
    /^bad: 1 worker thread is missing/,
    /^warn: The configuration/,
  ])
})

t.test('a relay that drains says so once', async t => {
  t.match(await found({ state: 'draining', notReady: ['draining'] }), [
    /^warn: The relay accepts no new sessions/,
  ])
})
