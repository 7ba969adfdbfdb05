import t from 'tap'
import { startRelay } from '../support/relay.ts'
import { answerOf, CLIENTS, startSession } from './session.ts'

/** `npm run sessions` sets both. */
const SECONDS = Number(process.env.SESSION_SECONDS)
const FOLDER = process.env.SESSION_CLIENTS ?? ''
/** Seconds without a payload that are a gap: payloads come four times a second, and a machine may be busy. */
const GAP = 2.5
/** Seconds to start, to find each other and to end. */
const AROUND = 90

t.setTimeout((SECONDS + AROUND) * 1000)

t.test(`P-06: sessions of ${SECONDS} s, both ends on this relay`, async t => {
  const relay = await startRelay({ against: 'taciturn' })
  t.teardown(() => relay.stop())
  const sessions = CLIENTS.map(client => ({ client, session: startSession(client, relay, FOLDER, SECONDS) }))
  t.teardown(() => Promise.all(sessions.map(({ session }) => session.stop())))

  for (const { client, session } of sessions) {
    t.test(`P-06: ${client.name} over ${client.transport} has no gap`, async t => {
      const { sent, missing, longestGap } = await answerOf(session)
      const gaps = longestGap.map(gap => gap.toFixed(2)).join(' and ')
      t.comment(`${sent} payloads each way, longest gap ${gaps} s`)
      t.ok(sent >= SECONDS, 'it sent at least once a second')
      t.same(missing, [[], []], 'everything came')
      t.ok(Math.max(...longestGap) < GAP, `no gap of ${GAP} s`)
    })
  }
})
