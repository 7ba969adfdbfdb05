import { join } from 'node:path'
import { z } from 'zod'
import { type Address, parseAddress } from '../base/address.ts'
import type { SocketId } from '../base/ids.ts'
import type { Time } from '../base/time.ts'
import { VIA } from '../base/via.ts'

/**
 * What two processes say to each other while one takes over from the other.
 *
 *     new                                old
 *     hello {protocol, snapshots}    →
 *                                    ←   welcome {snapshot, clock, listening}      or refused {why}
 *     (a second connection, for descriptors: channel {of})
 *     rehearse                       →
 *                                    ←   octets: the state as it is now, of each worker
 *     copy                           →                                             as often as it
 *                                    ←   copied {sockets}, octets: the state of      takes, if both can
 *                                        each worker, then what has changed
 *                                        (descriptors as below)
 *     give {ahead}                   →
 *                                        has requests wait; data goes on
 *                                    ←   given {sockets}, octets: the state of each worker, or what has
 *                                        changed since the last copy
 *     more                           →                                             as often as there
 *                                    ←   descriptors {count}, and as many by the second connection
 *     taken                          →
 *                                        reads nothing from here on
 *                                    ←   rest: what has come since `given`
 *     reads; running {gap}           →
 *                                        forgets what it gave
 *                                    ←   done {stays}
 *
 * Where one of them does not know `ahead`, the old one reads nothing from `give` on, and says `go` in place of `rest`.
 * Either may say `failed {why}` or hang up before `running`; then the old one
 * goes on with everything. The new one ends when it hears nothing more before
 * `go`, or `failed` at any time.
 */
export const PROTOCOL = 2

/** How copies and differences are written. A process asks for copies only where it reads what the other one writes. */
export const COPIES = 1

/** How what comes at the end is written where data goes on until then. Asked for as copies are. */
export const AHEAD = 1

/** Descriptors that go with one message; the kernel takes 253. */
export const AT_ONCE = 250

/** More than any relay has. */
export const MOST_WORKERS = 1024

/** Milliseconds that one may take to say the next thing, before anything is given, and while everything waits. */
export const PATIENCE = 30_000
export const PAUSE = 3_000

/** The socket in the state folder by which a new process finds the one that runs. Its own user may open it. */
export function handOverPath(state: string): string {
  return join(state, 'hand-over.sock')
}

export const addressText = z.string().transform((text, context): Address => {
  const parsed = parseAddress(text)
  if (parsed) return parsed
  context.addIssue('no address')
  return z.NEVER
})
export const socketId = z
  .int()
  .min(1)
  .max(2 ** 24)
  .transform(id => id as SocketId)
const octets = z.string().transform(text => Buffer.from(text, 'base64'))
const at = z.object({ transport: z.enum(['udp', 'tcp', 'tls']), address: addressText })

export const hello = z.object({
  kind: z.literal('hello'),
  protocol: z.int(),
  version: z.string(),
  /** Versions of snapshots that can be read. */
  snapshots: z.array(z.int()),
  pid: z.int(),
})
/** What is said first on the connection for descriptors, so that nobody else's is taken for it. */
export const channel = z.object({ kind: z.literal('channel'), of: z.string() })
export const welcome = z.object({
  kind: z.literal('welcome'),
  /** Names this hand-over on the connection for descriptors. */
  channel: z.string(),
  version: z.string(),
  pid: z.int(),
  /** The copies that it sends ahead, see `COPIES`. */
  copies: z.int().exactOptional(),
  /** Whether data goes on until the end, see `AHEAD`. */
  ahead: z.int().exactOptional(),
  /** How many share the calls. */
  workers: z.int().min(1).max(MOST_WORKERS),
  /** What it takes the time for, and the machine's monotonic clock at that moment, in nanoseconds. */
  clock: z.object({ time: z.number(), machine: z.string().regex(/^\d+$/) }),
  listening: z.array(at),
  /** TCP addresses of its pages. */
  pages: z.array(z.string()),
})
/** Where sockets are that other shards have, by the ids that they have with this one. */
export const doors = z.array(
  z.tuple([socketId, z.object({ shard: z.int().min(0), socket: socketId, via: z.enum(VIA) })]),
)
const owner = z.object({ tenant: z.string(), user: z.string() })
const shard = z.object({
  udp: z.array(z.object({ id: socketId, purpose: z.enum(['listener', 'relay']), local: addressText })),
  listeners: z.array(z.object({ transport: z.enum(['tcp', 'tls']), address: addressText })),
  connections: z.array(
    z.object({
      remote: addressText,
      id: socketId.exactOptional(),
      tlsOnly: z.boolean(),
      unread: octets,
      unsent: octets,
      dropped: z.int(),
    }),
  ),
  reserved: z.array(z.object({ socket: socketId, owner, client: addressText })),
  doors,
  closed: z.array(socketId).exactOptional(),
})
/** `ahead`: data is to go on until the end. */
export const give = z.object({ kind: z.literal('give'), ahead: z.boolean().exactOptional() })
export const copied = z.object({
  kind: z.literal('copied'),
  shards: z
    .array(
      z.object({
        isWhole: z.boolean(),
        sockets: z.array(z.object({ id: socketId, local: addressText })),
        closed: z.array(socketId),
        changed: z.int().min(0),
      }),
    )
    .min(1)
    .max(MOST_WORKERS),
})
export const given = z.object({
  kind: z.literal('given'),
  /** When it stopped reading, by the machine's monotonic clock. */
  since: z.string().regex(/^\d+$/),
  shards: z.array(shard).min(1).max(MOST_WORKERS),
  /** What several workers have in common. */
  common: z
    .object({
      keys: z.object({ nonces: octets, tickets: octets }),
      reserved: z.array(
        z.object({
          token: octets,
          local: addressText,
          owner,
          client: addressText,
          expires: z.number().transform(time => time as Time),
        }),
      ),
    })
    .exactOptional(),
})
/** Figures of one allocation after another: see `describeRest`. There may be as many as there are ports. */
export const CARRIED_FIGURES = 6
const restOfConnection = z.object({
  id: socketId.exactOptional(),
  unread: octets,
  unsent: octets,
  dropped: z.int(),
})
export const restGiven = z.object({
  kind: z.literal('rest'),
  /** When it stopped reading, by the machine's monotonic clock. */
  since: z.string().regex(/^\d+$/),
  shards: z
    .array(
      z.object({
        connections: z.array(restOfConnection.nullable()),
        carried: z.array(z.int().min(0)).refine(({ length }) => length % CARRIED_FIGURES === 0),
        waiting: z.array(
          z.object({
            via: z.enum(VIA),
            socket: socketId,
            from: addressText,
            bytes: octets,
            isReferred: z.literal(true).exactOptional(),
          }),
        ),
      }),
    )
    .min(1)
    .max(MOST_WORKERS),
})
export const passed = z.object({ kind: z.literal('descriptors'), count: z.int().min(1).max(AT_ONCE) })
export const running = z.object({ kind: z.literal('running'), allocations: z.int(), gap: z.number() })
export const done = z.object({ kind: z.literal('done'), stays: z.int() })
export const failedWith = z.object({ kind: z.enum(['failed', 'refused']), why: z.string().max(2000) })

export type Welcome = z.infer<typeof welcome>
export type Copied = z.infer<typeof copied>
export type Given = z.infer<typeof given>
export type Rest = z.infer<typeof restGiven>
