import t from 'tap'
import { Store } from '../../../src/console/store.ts'
import type { FeedMessage, HistoryPoint, SessionView } from '../../../src/control/view.ts'
import { scriptedControl } from '../../support/scripted-control.ts'

type Snapshot = Extract<FeedMessage, { type: 'snapshot' }>
type Delta = Extract<FeedMessage, { type: 'delta' }>

async function snapshot(over: Partial<Snapshot> = {}): Promise<Snapshot> {
  const control = scriptedControl(3)
  const { status, sessions } = await control.look({ most: 500, hurry: true })
  const history = control.history()
  return { type: 'snapshot', epoch: 'e', seq: 7, rights: 'act', status, sessions, more: 0, history, ...over }
}

function point(at: number, value = 0): HistoryPoint {
  return { at, allocations: value, bytesToPeer: value, bytesToClient: 0, packets: 0, dropped: 0, rejected: 0 }
}

function delta(seq: number, over: Partial<Delta> = {}): Delta {
  return {
    type: 'delta',
    seq,
    status: {},
    opened: [],
    changed: [],
    closed: [],
    more: 0,
    point: point(0),
    ...over,
  }
}

t.test('a snapshot is everything, a delta what has changed', async t => {
  const store = new Store()
  const first = await snapshot()
  t.equal(store.apply(first), 'done')
  const [session] = first.sessions as [SessionView]
  const applied = store.apply(
    delta(8, {
      status: { users: 99 },
      changed: [{ id: session.id, dropped: 5 }],
      closed: [first.sessions[1]!.id],
      opened: [{ ...session, id: 'new' }],
      more: 2,
    }),
  )
  t.equal(applied, 'done')
  t.equal(store.status?.users, 99)
  t.equal(store.status?.realm, first.status.realm)
  t.same(store.sessions.get(session.id), { ...session, dropped: 5 })
  t.notOk(store.sessions.has(first.sessions[1]!.id))
  t.ok(store.sessions.has('new'))
  t.equal(store.more, 2)
  t.same(store.position, { epoch: 'e', seq: 8 })
})

t.test('what was told before is told again without harm, and a gap is noticed', async t => {
  const store = new Store()
  t.equal(store.apply(delta(1)), 'gap', 'nothing can be changed that is not there')
  store.apply(await snapshot())
  t.equal(store.apply(delta(7, { status: { users: 1 } })), 'old')
  t.not(store.status?.users, 1)
  t.equal(store.apply(delta(9)), 'gap')
  store.forgetPosition()
  t.equal(store.position, undefined)
})

t.test('a change of a session that is not in the list makes none', async t => {
  const store = new Store()
  store.apply(await snapshot())
  store.apply(delta(8, { changed: [{ id: 'unknown', dropped: 1 }] }))
  t.notOk(store.sessions.has('unknown'))
})

t.test('ten minutes are kept, and seconds become minutes of the day', async t => {
  const store = new Store()
  const first = await snapshot()
  store.apply(first)
  const last = first.history.day.points.at(-1)!.at
  for (let i = 1; i <= 60; i++) store.apply(delta(7 + i, { point: point(last + i * 1000, i) }))
  t.equal(store.recent.points.length, 600)
  t.equal(store.recent.points.at(-1)?.at, last + 60_000)
  const minute = store.day.points.at(-1)
  t.equal(minute?.at, last + 60_000)
  t.equal(minute?.bytesToPeer, 30.5, 'rates are averaged')
  t.equal(minute?.allocations, 60, 'sessions are those at the end')
  t.equal(store.day.points.length, first.history.day.points.length + 1)
})

t.test('the last minute is counted from the totals', async t => {
  const store = new Store()
  const first = await snapshot()
  store.apply(first)
  const { at } = first.status
  for (let i = 1; i <= 90; i++)
    store.apply(
      delta(7 + i, {
        status: { at: at + i * 1000, rejected: { quota: 1 + i } },
        point: point(at + i * 1000),
      }),
    )
  t.equal(store.lastMinute('rejected', 'quota'), 60)
  t.equal(store.lastMinute('rejected', 'nothing'), 0)
})
