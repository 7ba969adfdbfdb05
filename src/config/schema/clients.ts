import { z } from 'zod'
import { parsePeers } from '../values/cidr.ts'
import { ranges } from './fields.ts'

/* Which clients are served: `clients` of `turnserver.json`. */

export const clientsSection = z
  .strictObject({
    allow: ranges(parsePeers, ['203.0.113.0/24', '2001:db8::/32'])
      .prefault([])
      .describe('With entries here, clients of other networks are not served.'),
    deny: ranges(parsePeers, ['198.51.100.0/24', '192.0.2.1-192.0.2.9'])
      .prefault([])
      .describe('Clients of these networks are not served.'),
  })
  .prefault({})
  .describe(
    'Which clients are served, by the address they come from, on every listener. Others get no answer and no connection. Of "allow" and "deny" the narrower range wins. A change ends the sessions of clients that are no longer served. For a while only: `taciturn ban`.',
  )
