import { z } from 'zod'
import type { Measure } from '../../base/measures.ts'

/* What the API says of the ledger. Unlike elsewhere, a user's pseudonym holds for as long as the ledger's key does. */

const count = (text: string) => z.number().describe(text)
const measures = {
  bytesToPeer: count('Payload bytes from clients to their peers.'),
  packetsToPeer: count('Datagrams the same way.'),
  bytesToClient: count('Payload bytes from peers to clients.'),
  packetsToClient: count('Datagrams the same way.'),
  allocations: count('Allocations that were opened.'),
  milliseconds: count('How long allocations were held, added up.'),
  refusals: count('Requests that were refused, without the 401 that begins every session.'),
} satisfies Record<Measure, z.ZodType>
const user = z
  .string()
  .describe(
    'The pseudonym of the ledger, or the name where `ledger.identities` is "full"; "" for nobody in particular.',
  )
const homeserver = z
  .string()
  .describe('Name of the homeserver; "" for `users` of the configuration, and for what nobody has proved.')
const transport = z.string().describe('The client\'s transport: udp, tcp, tls; "" where it is not known.')
const family = z.number().describe('IP version of the client: 4 or 6; 0 where it is not known.')
const start = z.number().describe('When the span begins, in seconds since the epoch (UTC).')

export const usageShape = z.strictObject({
  rows: z
    .array(
      z.strictObject({
        start,
        user: user.exactOptional(),
        homeserver: homeserver.exactOptional(),
        transport: transport.exactOptional(),
        family: family.exactOptional(),
        ...measures,
      }),
    )
    .describe('Sums by time; within one span those with the most bytes first.'),
  more: z.boolean().describe('Whether there are more rows than were asked for.'),
})

export const usageExportShape = z.strictObject({
  rows: z
    .array(
      z.strictObject({
        span: z.enum(['hour', 'day', 'month']).describe('How long the span is that the row sums up.'),
        start,
        homeserver,
        user,
        transport,
        family,
        ...measures,
      }),
    )
    .describe('Everything that is kept of the person, the oldest first.'),
  limits: z
    .array(
      z.strictObject({
        homeserver,
        month: z.number().describe('Bytes of payload a month, both directions together.'),
      }),
    )
    .describe('Limits that the person has set for themselves, one for each homeserver.'),
})

export const usageUsersShape = z.strictObject({
  users: z.array(z.string()).describe('How the ledger calls the person, and has ever called.'),
})
export const usageForgottenShape = z.strictObject({
  forgotten: count('Rows that were about the person, and are no longer there.'),
})
export const usageRotatedShape = z.strictObject({
  keys: count('Keys that there are now: the new one, and those that are kept to find people by.'),
})

export const usageNameAsked = z.strictObject({
  name: z.string().min(1).max(512).describe('The name in the credential: `@alice:example.org`.'),
})
export const usageRotateAsked = z.strictObject({
  only: z
    .boolean()
    .default(false)
    .describe('Deletes the older keys, so that nobody can be found by the older pseudonyms any more.'),
})
