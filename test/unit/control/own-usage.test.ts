import t from 'tap'
import { Sealed } from '../../../src/control/sign-in/sealed.ts'
import { UsagePages, type UsagePagesParts } from '../../../src/control/usage/usage-pages.ts'
import { ACT, ask, FakeOwnBudgets, fakePlane, READ } from '../../support/fake-control.ts'

const ALICE = '@alice:example.org'
const BOB = '@bob:example.org'
const KEY = Buffer.alloc(32, 7)
const ROW = {
  ...{ start: 0, bytesToPeer: 1, bytesToClient: 2, packetsToPeer: 0, packetsToClient: 0 },
  ...{ allocations: 3, milliseconds: 4, refusals: 0 },
}

/** Pages of which a test sees what the ledger is asked; clocks are the test's. */
function pages(parts: Partial<UsagePagesParts> = {}) {
  const asked: object[] = []
  const clock = { now: 0, date: Date.UTC(2026, 5, 15, 12) }
  const made = new UsagePages({
    sealed: new Sealed(
      () => clock.date,
      () => KEY,
    ),
    ledger: {
      identitiesOf: user => [`<${user}>`],
      soFar: async question => {
        asked.push(question)
        return { rows: [{ ...ROW, start: question.from }], more: false }
      },
    },
    budgets: new FakeOwnBudgets(),
    costs: async () => undefined,
    homeservers: () => ['example.org', 'other.example'],
    now: () => clock.now,
    date: () => clock.date,
    ...parts,
  })
  const grantOf = (user: string, tenant = 'example.org') => made.open(made.link({ tenant, user }, 600).token)!
  return { made, asked, clock, grantOf }
}

t.test(
  'a link opens the page of the one it was made for, with that person’s figures of this month',
  async t => {
    const { made, asked, grantOf } = pages()
    const found = await made.look(grantOf(ALICE))
    t.match(found, {
      ok: true,
      value: {
        user: ALICE,
        month: Date.UTC(2026, 5) / 1000,
        days: [{ bytes: 3 }],
        bytes: 3,
        sessions: 3,
        allowed: 20e9,
        own: undefined,
      },
    })
    t.match(asked, [
      {
        by: 'day',
        from: Date.UTC(2026, 5) / 1000,
        to: Date.UTC(2026, 6) / 1000,
        per: [],
        users: [`<${ALICE}>`],
        homeserver: 'example.org',
      },
    ])
  },
)

t.test(
  'a token that was changed in any place, made with another key, or has ended opens nothing',
  async t => {
    const { made, clock } = pages()
    const { token } = made.link({ tenant: 'example.org', user: ALICE }, 600)
    const octets = Buffer.from(token, 'base64url')
    for (let i = 0; i < octets.length; i++) {
      const forged = Buffer.from(octets)
      forged[i]! ^= 1
      t.equal(made.open(forged.toString('base64url')), undefined, `octet ${i}`)
    }
    for (const other of ['', 'x', token.slice(0, -4), `${token}AAAA`]) t.equal(made.open(other), undefined)
    const foreign = new Sealed(() => clock.date).seal(
      { for: 'usage', tenant: 'example.org', user: ALICE, expires: 1e15 },
      600,
    )
    t.equal(made.open(foreign), undefined, 'another key')
    const sealed = new Sealed(
      () => clock.date,
      () => KEY,
    )
    t.equal(made.open(sealed.seal({ tenant: 'example.org', user: ALICE, expires: 1e15 }, 600)), undefined)
    clock.date += 599_000
    t.match(made.open(token), { user: ALICE })
    clock.date += 2_000
    t.equal(made.open(token), undefined)
  },
)

t.test('a link outlives the process, as the key does', async t => {
  const { token } = pages().made.link({ tenant: 'example.org', user: ALICE }, 600)
  t.match(pages().made.open(token), { user: ALICE, tenant: 'example.org' })
})

t.test('somebody of the same name at another homeserver has other figures and another limit', async t => {
  const { made, asked, grantOf } = pages()
  t.ok(made.limit(grantOf(ALICE, 'other.example'), 1e9).ok)
  t.match(await made.look(grantOf(ALICE)), { value: { own: undefined } })
  t.match(await made.look(grantOf(ALICE, 'other.example')), { value: { own: 1e9 } })
  t.match(asked, [{ homeserver: 'example.org' }, { homeserver: 'other.example' }])
})

t.test('a payer sees whole gigabytes of groups of three and more, and others see none', async t => {
  const { made, grantOf } = pages()
  const view = await made.look(grantOf(ALICE))
  t.match(view.ok && view.value.groups, [{ name: 'family', bytes: 12e9, limit: 100e9 }])
  t.equal(view.ok && view.value.groups.length, 1, 'of a couple, the sum would be what the other one has used')
  t.match(await made.look(grantOf(BOB)), { value: { groups: [] } })
})

const DAY = 86_400
const JUNE = Date.UTC(2026, 5) / 1000
const COSTS = {
  until: JUNE + DAY,
  octets: 10e9,
  currency: 'EUR',
  cost: 20,
  kwh: 5,
  by: ['estimate' as const],
}

t.test('somebody’s share of the costs is their use by everybody’s, of the same days', async t => {
  const soFar: UsagePagesParts['ledger']['soFar'] = async ({ from, by }) => {
    const row = (start: number, bytesToPeer: number) => ({ ...ROW, start, bytesToPeer, bytesToClient: 0 })
    // Of the group, in all; of the person, by day.
    const rows = by === 'all' ? [row(from, 2.4e9)] : [row(from, 1e9), row(from + DAY, 7e9)]
    return { rows, more: false }
  }
  const ledger = { identitiesOf: (user: string) => [user], soFar }
  const asked: number[] = []
  const costs = async (now: number) => {
    asked.push(now)
    return COSTS
  }
  const { made, grantOf } = pages({ ledger, costs })
  t.match(await made.look(grantOf(ALICE)), {
    value: {
      bytes: 8e9,
      share: { until: JUNE + DAY, currency: 'EUR', cost: 2, kwh: 0.5, by: ['estimate'], supplier: undefined },
      groups: [{ name: 'family', bytes: 12e9, cost: 4, kwh: 1 }],
    },
  })
  t.same(asked, [Date.UTC(2026, 5, 15, 12) / 1000])
  const most = pages({ ledger, costs: async () => ({ ...COSTS, octets: 1e9, until: JUNE + 2 * DAY }) })
  t.match(await most.made.look(most.grantOf(BOB)), { value: { share: { cost: 20 } } }, 'never more than all')
})

t.test('a share that would tell of others is not shown, and without costs there is none', async t => {
  const few = pages({ costs: async () => ({ ...COSTS, octets: 0 }) })
  const found = await few.made.look(few.grantOf(ALICE))
  t.match(found, { value: { share: 'few', groups: [{ cost: undefined, kwh: undefined }] } })
  for (const costs of [async () => undefined, async () => Promise.reject(new Error('away'))]) {
    const { made, grantOf } = pages({ costs })
    t.match(await made.look(grantOf(ALICE)), { ok: true, value: { share: undefined, bytes: 3 } })
  }
})

t.test('one person’s looks cost the ledger one question a minute, and are bounded', async t => {
  const { made, asked, clock, grantOf } = pages()
  for (let i = 0; i < 30; i++) t.ok((await made.look(grantOf(ALICE))).ok)
  t.same(await made.look(grantOf(ALICE)), { ok: false, error: 'too-many' })
  t.ok((await made.look(grantOf(BOB))).ok, 'which is nothing to others')
  t.equal(asked.length, 2)
  clock.now += 60_001
  t.ok((await made.look(grantOf(ALICE))).ok)
  t.equal(asked.length, 3)
  for (let i = 0; i < 20; i++) t.ok(made.limit(grantOf(ALICE), 1e9 + i).ok)
  t.same(made.limit(grantOf(ALICE), 1e9), { ok: false, error: 'too-many' })
})

t.test('few questions wait for a slow database, and one that failed is asked again', async t => {
  const waiting: ((answer: 'rows' | 'none') => void)[] = []
  const soFar: UsagePagesParts['ledger']['soFar'] = () =>
    new Promise((resolve, reject) =>
      waiting.push(answer =>
        answer === 'rows' ? resolve({ rows: [ROW], more: false }) : reject(new Error('10.0.0.7 refused')),
      ),
    )
  const { made, grantOf } = pages({ ledger: { identitiesOf: user => [user], soFar } })
  const looks = Array.from({ length: 8 }, (_, i) => made.look(grantOf(`@u${i}:example.org`)))
  t.equal(waiting.length, 8)
  t.same(await made.look(grantOf(ALICE)), { ok: false, error: 'away' })
  for (const [i, answer] of waiting.entries()) answer(i === 0 ? 'none' : 'rows')
  t.same(await looks[0], { ok: false, error: 'away' }, 'without what the database says of itself')
  t.ok((await looks[1])?.ok)
  const again = made.look(grantOf('@u0:example.org'))
  waiting.at(-1)!('rows')
  t.ok((await again).ok)
})

t.test('the homeserver of a link is known, said, or refused', async t => {
  const { made } = pages()
  for (const [user, said, homeserver] of [
    [ALICE, undefined, 'example.org'],
    [ALICE, 'other.example', 'other.example'],
    [ALICE, '', ''],
    [ALICE, 'nowhere.example', undefined],
    ['alice', undefined, undefined],
  ] as const)
    t.equal(made.homeserverOf(user, said), homeserver)
  t.equal(pages({ homeservers: () => ['one.example'] }).made.homeserverOf('alice', undefined), 'one.example')
  t.equal(pages({ homeservers: () => [] }).made.homeserverOf('alice', undefined), '')
})

t.test('over HTTP: who may make a link, what it leads to, and what is written down', async t => {
  const plane = await fakePlane(t, { served: true })
  const { port, socket } = plane
  const make = (door: object, body: object) =>
    ask(door as never, 'POST', '/api/v1/links', { token: ACT, body })
  t.equal((await ask({ port }, 'POST', '/api/v1/links', { token: READ, body: {} })).status, 403)
  t.match(await make({ socket }, { kind: 'usage', name: 'alice' }), {
    status: 400,
    body: { error: /which homeserver/ },
  })
  const { status, body } = await make({ port }, { kind: 'usage', name: ALICE })
  t.equal(status, 200)
  const link = new URL(body.url)
  t.equal(link.pathname, '/usage')
  t.equal(link.search, '')
  const token = link.hash.slice(1)
  t.notMatch(Buffer.from(token, 'base64url').toString('latin1'), /alice/)

  const post = (path: string, body: object) => ask({ port }, 'POST', `/api/v1/own-usage${path}`, { body })
  t.match(await post('', { token }), {
    status: 200,
    body: { user: ALICE, bytes: 4, groups: [{ bytes: 12e9 }] },
  })
  t.match(await post('', { token: `${token.slice(0, -2)}AA` }), { status: 403 })
  t.match(
    await post('', { token, user: BOB }),
    { status: 400 },
    'nothing but the token says whose page it is',
  )
  t.match(await post('/limit', { token, month: 5e9 }), { status: 200, body: { own: 5e9 } })
  t.match(await post('/limit', { token, month: 21e9 }), { status: 400, body: { error: /lower than/ } })
  for (const month of [0, -1, 1.5, 1e16, '5', undefined])
    t.match(await post('/limit', { token, month }), { status: 400 })
  t.match(await post('/limit', { token, month: null }), { status: 200, body: { own: undefined } })
  t.equal((await ask({ port }, 'GET', `/api/v1/own-usage`)).status, 405)

  t.match(
    plane.lines().filter(({ what }) => what === 'own-limit'),
    ['done', 'failed', 'done'].map(outcome => ({ who: 'usage page', outcome, on: 'user user1' })),
  )
  t.match(
    plane.lines().find(({ on }) => on?.startsWith('usage')),
    { who: 'alice', what: 'link', on: 'usage, user user1' },
  )
  t.notMatch(JSON.stringify(plane.lines()), new RegExp(`${token.slice(0, 12)}|@alice`))
})

t.test(
  'what somebody has set for themselves is in their export, and goes when they are forgotten',
  async t => {
    const { socket } = await fakePlane(t, { served: true })
    const post = (path: string, body: object) => ask({ socket }, 'POST', `/api/v1${path}`, { body })
    const { body } = await post('/links', { kind: 'usage', name: ALICE })
    const token = new URL(body.url).hash.slice(1)
    const limits = async () => (await post('/usage/users/export', { name: ALICE })).body.limits
    await post('/own-usage/limit', { token, month: 5e9 })
    t.same(await limits(), [{ homeserver: 'example.org', month: 5e9 }])
    await post('/usage/users/forget', { name: ALICE })
    t.same(await limits(), [])
    await post('/own-usage/limit', { token, month: 5e9 })
    await post('/usage/key/rotate', { only: true })
    t.same(await limits(), [], 'and where nobody can be told by older pseudonyms')
  },
)

t.test('budgets are told as sums, and who has little left is a line of the access log', async t => {
  const plane = await fakePlane(t)
  const get = (path: string) => ask(plane, 'GET', `/api/v1${path}`, { token: READ })
  t.match(await get('/budgets'), {
    status: 200,
    body: { budgets: [{ kind: 'everybody' }, {}, { name: 'family' }] },
  })
  t.match((await get('/budgets/users')).body, { users: [{ user: 'user2' }, { user: 'user1' }], more: false })
  t.match(plane.lines(), [{ who: 'wall', what: 'usage', on: 'users near their limit', outcome: 'done' }])
})
