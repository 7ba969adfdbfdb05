import { succeeded } from '../../src/base/result.ts'
import type { BudgetsControl } from '../../src/control/usage/budgets-control.ts'
import type { UsageControl } from '../../src/control/usage/usage-control.ts'

const GB = 1e9

/** Budgets of everybody, a homeserver and a group, and two users with little left. */
export const SCRIPTED_BUDGETS: BudgetsControl = {
  look: () => ({
    budgets: [
      { kind: 'everybody', name: '', span: 'month', used: 600 * GB, limit: 5000 * GB },
      { kind: 'homeserver', name: 'example.org', span: 'day', used: 42 * GB, limit: 50 * GB },
      { kind: 'group', name: 'family', span: 'month', used: 101 * GB, limit: 100 * GB },
    ],
    users: { warned: 1, spent: 1, limited: 2 },
  }),
  users: () => [
    {
      user: 'user1',
      homeserver: 'example.org',
      level: 'warned',
      span: 'month',
      used: 17 * GB,
      limit: 20 * GB,
    },
    { user: 'user2', homeserver: '', level: 'spent', span: 'month', used: 21 * GB, limit: 20 * GB },
  ],
}

/** A month of two homeservers, which ends today. */
export function scriptedLedger(): UsageControl {
  const none = async () => ({ rows: [], more: false })
  const sum = (start: number, bytes: number) => ({
    ...{ start, bytesToPeer: bytes, bytesToClient: 2 * bytes, packetsToPeer: 1, packetsToClient: 2 },
    ...{ allocations: 3, milliseconds: 5_400_000, refusals: 1 },
  })
  return {
    usage: async ({ by, from, to }) => {
      if (by === 'all')
        return {
          rows: ['example.org', 'a-homeserver-with-a-rather-long-name.example.net'].map((homeserver, i) => ({
            ...sum(from, (2 - i) * GB),
            homeserver,
          })),
          more: false,
        }
      const days = Math.ceil((to - from) / 86_400)
      const rows = Array.from({ length: days }, (_, i) => sum(from + i * 86_400, ((i * 7) % 11) * GB))
      return { rows, more: false }
    },
    soFar: none,
    report: none,
    export: async () => [],
    forget: async () => 0,
    identitiesOf: user => [user],
    rotate: () => succeeded(1),
  }
}
