import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { addTraffic, noTraffic, type Traffic } from '../../src/base/route.ts'
import type { Time } from '../../src/base/time.ts'
import type { Event } from '../../src/core/event.ts'
import { Clerk } from '../../src/ledger/clerk.ts'
import { ledgerFiles, UsageLedger } from '../../src/ledger/ledger.ts'
import { NOON } from './ledger-suite.ts'

const USERS = 100
/** Milliseconds between two looks: half an hour, so that a week has 336. */
const STEP = 1_800_000
const STEPS = 336
const KEEP = { hours: Infinity, days: Infinity, months: Infinity }

interface Call {
  readonly id: number
  readonly user: string
  readonly since: number
  readonly carried: Traffic
}

/** Numbers that look like chance and are the same each time (Numerical Recipes). */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return sides => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * sides)
  }
}

/**
 * A week of users who call, in simulated time and on a real database. What the ledger has of
 * each must be what the ends of sessions said, to the byte.
 */
export async function simulatedWeek(t: Test, database: string): Promise<void> {
  const state = mkdtempSync(join(tmpdir(), 'taciturn-week-'))
  t.teardown(() => rmSync(state, { recursive: true, force: true }))
  const roll = dice(17)
  let now = NOON * 1000
  const clerk = new Clerk({ spool: ledgerFiles(state).spool, database, keep: KEEP }, () => now / 1000)
  const calls = new Map<number, Call>()
  const ledger = new UsageLedger(
    { state, database, identities: 'pseudonym', keep: KEEP },
    {
      log: { info: () => {}, limited: (_, __, message) => t.fail(message) },
      // Now and then a shard is too busy to answer.
      read: async () => id => (roll(10) === 0 ? undefined : calls.get(id)?.carried),
      clock: { now: () => now as Time },
      wall: () => now,
      desk: { do: job => clerk.do<typeof job.kind>(job), close: () => clerk.close() },
    },
  )
  t.teardown(() => ledger.close())

  const ended = new Map<string, { traffic: Traffic; milliseconds: number; allocations: number }>()
  const told = (call: Call, kind: 'opened' | 'closed') => {
    const owner = { tenant: 'example.org', user: call.user }
    const client = { family: call.id % 2 ? 4 : 6 }
    const via = (['udp', 'tcp', 'tls'] as const)[call.id % 3]
    const { id: allocation, since, carried: traffic } = call
    const about = { kind, at: now, allocation, owner, client, via, since, traffic }
    ledger.hear(about as unknown as Event)
  }
  const end = (call: Call) => {
    calls.delete(call.id)
    const sum = ended.get(call.user) ?? { traffic: noTraffic(), milliseconds: 0, allocations: 0 }
    addTraffic(sum.traffic, call.carried)
    sum.milliseconds += now - call.since
    sum.allocations++
    ended.set(call.user, sum)
    told(call, 'closed')
  }
  let id = 0
  for (let step = 0; step < STEPS; step++) {
    now += STEP
    for (let i = roll(8); i > 0; i--) {
      const call = { id: ++id, user: `user${roll(USERS)}`, since: now, carried: noTraffic() }
      calls.set(id, call)
      told(call, 'opened')
    }
    for (const call of [...calls.values()]) {
      const more = { packets: roll(90_000), bytes: roll(1_000_000_000) }
      addTraffic(call.carried, { toPeer: more, toClient: { packets: more.packets, bytes: roll(1_000_000) } })
      if (roll(4) === 0) end(call)
    }
    ledger.tick()
    await ledger.idle()
  }
  for (const call of [...calls.values()]) end(call)

  const asked = { by: 'all', from: 0, to: 1e11, per: ['user'], most: 1000 } as const
  const rows = [...(await ledger.usage(asked)).rows]
  t.equal(rows.length, ended.size)
  for (const [user, { traffic, milliseconds, allocations }] of ended) {
    const name = ledger.identitiesOf(user).at(-1)
    const row = rows.find(one => one.user === name)
    t.match(row, {
      bytesToPeer: traffic.toPeer.bytes,
      packetsToPeer: traffic.toPeer.packets,
      bytesToClient: traffic.toClient.bytes,
      packetsToClient: traffic.toClient.packets,
      milliseconds,
      allocations,
    })
  }
}
