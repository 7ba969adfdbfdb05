import { z } from 'zod'
import { VIA } from '../base/via.ts'

/*
 * The shapes of `view.ts` for machines: the OpenAPI file is made of them, and a
 * test holds every answer against them.
 */

const count = z.number()
const byReason = z.record(z.string(), count)
const flow = z.strictObject({ packets: count, bytes: count })
export const trafficShape = z.strictObject({ toPeer: flow, toClient: flow })
const via = z.enum(VIA)

export const statusShape = z.strictObject({
  version: z.string(),
  realm: z.string(),
  at: count,
  started: count,
  state: z.enum(['starting', 'serving', 'draining', 'stopping']),
  notReady: z.array(z.string()),
  udp: z.enum(['native', 'dgram']),
  workers: z.strictObject({ running: count, missing: count }),
  listening: z.array(z.string()),
  relays: z.array(z.strictObject({ local: z.string(), public: z.string() })),
  allocations: z.strictObject({
    live: count,
    limit: count,
    opened: count,
    byTransport: z.record(via, count),
  }),
  users: count,
  ports: z.strictObject({ used: count, total: count }),
  descriptors: z.strictObject({ open: count, limit: count }).optional(),
  rate: trafficShape,
  traffic: trafficShape,
  dropped: byReason,
  rejected: byReason,
  closed: byReason,
  homeservers: z.array(
    z.strictObject({
      name: z.string(),
      paused: z.boolean(),
      allocations: count,
      limit: count.optional(),
      opened: count,
      issued: count,
      bytesToPeer: count,
      bytesToClient: count,
    }),
  ),
  certificate: z.strictObject({ expires: count }).optional(),
  reload: z.strictObject({ ok: z.boolean(), at: count, problems: z.array(z.string()) }),
  process: z.strictObject({ rss: count, cpu: count }),
})

export const sessionShape = z.strictObject({
  id: z.string(),
  homeserver: z.string(),
  user: z.string(),
  client: z.string(),
  transport: via,
  clientFamily: z.union([z.literal(4), z.literal(6)]),
  relayed: z.array(z.string()),
  since: count,
  expires: count,
  permissions: count,
  channels: count,
  rate: trafficShape,
  traffic: trafficShape,
  dropped: count,
})

export const sessionsShape = z.strictObject({ sessions: z.array(sessionShape), more: count })

const point = z.strictObject({
  at: count,
  allocations: count,
  bytesToPeer: count,
  bytesToClient: count,
  packets: count,
  dropped: count,
  rejected: count,
})
const history = z.strictObject({ step: count, points: z.array(point) })
export const historyShape = z.strictObject({ recent: history, day: history })

export const accessShape = z.strictObject({
  entries: z.array(
    z.strictObject({
      at: z.string(),
      who: z.string(),
      from: z.enum(['socket', 'http', 'console']),
      what: z.string(),
      on: z.string().optional(),
      outcome: z.enum(['done', 'refused', 'failed']),
    }),
  ),
})

export const namesShape = z.strictObject({
  users: z.record(z.string(), z.string()),
  sessions: z.record(z.string(), z.strictObject({ user: z.string(), client: z.string() })),
})

export const reloadedShape = z.strictObject({
  ok: z.boolean(),
  refused: z.enum(['draining', 'stopping']).optional(),
  problems: z.array(z.string()),
  warnings: z.array(z.string()),
  restart: z.array(z.string()),
})

export const linkShape = z.strictObject({ url: z.string(), expires: count })
export const endedShape = z.strictObject({ ended: count })
export const drainingShape = z.strictObject({ draining: z.literal(true), allocations: count })
export const cancelledShape = z.strictObject({ cancelled: z.boolean() })
export const configurationShape = z.record(z.string(), z.unknown())
export const errorShape = z.strictObject({ error: z.string(), hint: z.string() })
