import t from 'tap'
import { load } from '../../../src/config/load.ts'
import { ConfigError } from '../../../src/config/problem.ts'
import { loaded, writeConfig } from '../../support/settings.ts'

const HOMESERVERS = [{ name: 'example.org', secrets: ['qW4xT9bN2mK7vR5zL8cJ3hG6fD1sA0pY'] }]

t.test('a budget is octets for a day and a month, and slows down unless told otherwise', async t => {
  const { budgets } = loaded({
    budgets: { perUser: { month: '20 GB' }, total: { day: '1 TB', atEnd: 'refuse' } },
  }).settings
  t.match(budgets, {
    perUser: { day: Number.POSITIVE_INFINITY, month: 20e9, atEnd: 'slow' },
    total: { day: 1e12, atEnd: 'refuse' },
    groups: [],
    slowTo: 16_000,
  })
  t.equal(loaded({}).settings.budgets.perUser, undefined)
})

for (const [name, config, error] of [
  ['without a ledger', { ledger: false, budgets: { total: { day: '1 GB' } } }, /budgets need the ledger/],
  [
    'of users where nobody is told apart',
    { ledger: { identities: 'none' }, budgets: { perUser: { day: '1 GB' } } },
    /ledger\.identities.*told apart/s,
  ],
  [
    'of a homeserver that is not there',
    { budgets: { homeservers: [{ name: 'exmaple.org', day: '1 GB' }] } },
    /budgets\.homeservers\[0\]\.name.*exmaple\.org/s,
  ],
  [
    'of a group of such a homeserver',
    { budgets: { groups: [{ name: 'a', users: ['@a:b'], homeserver: 'exmaple.org' }] } },
    /budgets\.groups\[0\]\.homeserver/,
  ],
  [
    'that stands there twice',
    { budgets: { groups: [1, 2].map(() => ({ name: 'a', users: ['@a:b'] })) } },
    /budgets\.groups\[1\]\.name/,
  ],
  ['that slows down to nothing in particular', { budgets: { slowTo: 'unlimited' } }, /budgets\.slowTo/],
  ['without a unit', { budgets: { total: { day: '20' } } }, /budgets\.total\.day/],
] as const) {
  t.test(`a budget ${name} is refused, where it stands`, async t => {
    const { file, folder } = writeConfig({ homeservers: HOMESERVERS, ...config })
    try {
      load({ path: file, env: {}, cwd: folder })
      t.fail('it was accepted')
    } catch (thrown) {
      t.ok(thrown instanceof ConfigError)
      t.match((thrown as Error).message, error)
    }
  })
}

t.test('sums of homeservers and of all need nobody told apart', async t => {
  t.doesNotThrow(() => loaded({ ledger: { identities: 'none' }, budgets: { total: { day: '1 GB' } } }))
})
