import { z } from 'zod'
import { VIA } from '../base/via.ts'
import { LANGUAGES } from '../texts/language.ts'

/*
 * What an operator sees of a running relay, described once: the types of
 * `view.ts`, the OpenAPI file and the test that holds every answer against it
 * come from here. Plain JSON. Times are milliseconds since the epoch, rates are
 * per second, traffic is counted in payload bytes. Nobody's name or address is
 * in any of it, unless the description says so: `user` and `client` are
 * pseudonyms that hold for one day.
 */

const count = (text: string) => z.number().describe(text)
const text = (about: string) => z.string().describe(about)
const texts = (about: string) => z.array(z.string()).describe(about)
const yes = (about: string) => z.boolean().describe(about)
const at = (what: string) => count(`${what}, in milliseconds since the epoch.`)
const byReason = (about: string) => z.record(z.string(), z.number()).describe(about)

const flow = (about: string) =>
  z.strictObject({ packets: count('Datagrams.'), bytes: count('Payload bytes.') }).describe(about)
const traffic = (about: string) => trafficShape.describe(about)
export const trafficShape = z.strictObject({
  toPeer: flow('From the client to its peers.'),
  toClient: flow('From peers to the client.'),
})
const findingShape = z.strictObject({
  id: text('Names the condition; docs/metrics.md has the alert for it.'),
  level: z.enum(['bad', 'warn']).describe('`bad` costs calls now or within days.'),
  values: z
    .record(z.string(), z.union([z.string(), z.number()]))
    .describe('What the sentence is made with: `at` in milliseconds since the epoch, `share` of one.'),
  text: text('The same as an English sentence.'),
})
const healthShape = z.strictObject({
  findings: z.array(findingShape).describe('The worst first; empty when all that was checked is good.'),
  checked: count('Conditions that were checked.'),
  unchecked: texts(
    'What could not be checked: `descriptors` where the system does not count them, `sign-in` before anybody has used the relay.',
  ),
})
export const viaShape = z.enum(VIA).describe('The transport that the client came by.')
export const familyShape = z
  .union([z.literal(4), z.literal(6)])
  .describe("IP version of the client's address.")

const homeserverShape = z.strictObject({
  name: text('Its name in the configuration.'),
  paused: yes('True: opens no new allocation.'),
  allocations: count('Live allocations.'),
  limit: count('`homeservers[].limits.allocations`, where it is set.').exactOptional(),
  opened: count('Allocations since the start.'),
  issued: count('Credentials that the relay issued for it since the start.'),
  bytesToPeer: count('Payload bytes to peers, of allocations that have ended and of those that live.'),
  bytesToClient: count('Payload bytes to clients, of allocations that have ended and of those that live.'),
})

/** The relay as a whole. Totals count from the start of the process. */
export const statusShape = z.strictObject({
  version: text('Version of the program.'),
  realm: text('The realm that clients authenticate in.'),
  at: at('The moment of this view'),
  started: at('The start of the process'),
  state: z.enum(['starting', 'serving', 'draining', 'stopping']).describe('What the relay is doing.'),
  notReady: texts('Why new calls should go elsewhere, in words; empty when they may come.'),
  health: healthShape.describe('What an operator should know, by the rules of the alerts.'),
  udp: z.enum(['native', 'dgram']).describe('The UDP transport in use.'),
  workers: z
    .strictObject({
      running: count('Threads that relay.'),
      missing: count('Threads that broke and are being replaced.'),
    })
    .describe('The threads that relay.'),
  kernel: z
    .strictObject({
      connected: yes('True: the kernel relays; false: its loader (`taciturn kernel up`) does not answer.'),
      routes: count('Ways between a client and a peer that the kernel relays along now.'),
      toPeer: count('Datagrams that it has relayed to peers since the start.'),
      toClient: count('Datagrams that it has relayed to clients since the start.'),
      passed: byReason('Datagrams of such ways that it left to the relay since it was connected, by reason.'),
    })
    .describe('What the kernel relays by itself; only where `kernel` is switched on.')
    .exactOptional(),
  listening: texts('Listeners as URLs: `udp://0.0.0.0:3478`.'),
  proxy: z
    .strictObject({
      from: texts('Networks of the proxies.'),
      clients: count('Connections whose PROXY header named a client, since the start.'),
      own: count('Connections whose header named nobody, such as health checks, since the start.'),
      refused: count('Connections from elsewhere, without a header or with a broken one, since the start.'),
    })
    .describe('Proxies in front; only where `proxy` is configured.')
    .exactOptional(),
  web: z
    .strictObject({
      to: text('Where the web server is.'),
      connections: count('Connections that are passed on to it now.'),
      limit: count('The most there may be (`web.connections`).'),
      toServer: count('Octets passed on to it since the start.'),
      toClient: count('Octets passed on to its visitors since the start.'),
      unreachable: count('Visitors who were hung up on since it did not answer, since the start.'),
    })
    .describe('The web server that a port is shared with; only where `web` is configured.')
    .exactOptional(),
  relays: z
    .array(
      z.strictObject({
        local: text('The address of this machine.'),
        public: text('The address that peers see.'),
      }),
    )
    .describe('The addresses relayed from.'),
  allocations: z
    .strictObject({
      live: count('Allocations now.'),
      limit: count('The most there may be (`limits.allocations`).'),
      opened: count('Allocations since the start.'),
      byTransport: z.record(viaShape, z.number()).describe('Allocations now, by transport.'),
    })
    .describe('Allocations.'),
  users: count('Users with an allocation now.'),
  ports: z
    .strictObject({ used: count('Ports in use.'), total: count('Ports there are.') })
    .describe('Relay ports.'),
  descriptors: z
    .strictObject({ open: count('Open now.'), limit: count('The most there may be.') })
    .describe('File descriptors of the process, where they can be counted.')
    .exactOptional(),
  rate: traffic('What was relayed in the last second.'),
  traffic: traffic('What was relayed since the start.'),
  dropped: byReason('Datagrams that were not relayed since the start, by reason.'),
  rejected: byReason('Requests that were refused since the start, by reason.'),
  closed: byReason('Allocations that ended since the start, by reason.'),
  homeservers: z.array(homeserverShape).describe('One entry for each homeserver.'),
  certificate: z
    .strictObject({ expires: at('Its end') })
    .describe('The certificate for TLS, where there is one.')
    .exactOptional(),
  reload: z
    .strictObject({
      ok: yes('False: the file was broken, and the configuration in use stayed.'),
      at: at('When it was read'),
      problems: texts('What was wrong with the file.'),
    })
    .describe('The last reading of the configuration.'),
  process: z
    .strictObject({
      pid: count('Its number (PID).'),
      rss: count('Memory in bytes.'),
      cpu: count('Share of one core in the last second.'),
    })
    .describe('What the process uses.'),
})

/** One allocation. */
export const sessionShape = z.strictObject({
  id: text('Names it as long as it lives; no other has this id while the process runs.'),
  homeserver: text('Who issued its credential.'),
  user: text('Pseudonym; empty for a credential that names nobody.'),
  client: text("Pseudonym of the client's IP address."),
  transport: viaShape,
  clientFamily: familyShape,
  relayed: texts('Its relayed addresses.'),
  since: at('When it was opened'),
  expires: at('When it ends unless it is refreshed'),
  permissions: count('Peer addresses permitted now.'),
  channels: count('Channels bound now.'),
  rate: traffic('In the last second.'),
  traffic: traffic('Since it was opened.'),
  dropped: count('Datagrams that were dropped by a limit on its bit rate or a slow connection.'),
})

export const foundShape = z.strictObject({
  user: text('Pseudonym; absent where nobody of this name has a session or is blocked.').exactOptional(),
})

export const sessionsShape = z.strictObject({
  sessions: z.array(sessionShape).describe('The busiest first.'),
  more: count('Sessions that were asked for and are not in the list.'),
})

export const pointShape = z.strictObject({
  at: at('The end of the step'),
  allocations: count('Allocations at the end of the step.'),
  bytesToPeer: count('Payload bytes a second to peers, averaged over the step.'),
  bytesToClient: count('Payload bytes a second to clients, averaged over the step.'),
  packets: count('Datagrams a second in both directions, averaged over the step.'),
  dropped: count('Datagrams a second that were not relayed, averaged over the step.'),
  rejected: count('Requests a second that were refused, averaged over the step.'),
})
export const seriesShape = z.strictObject({
  step: count('Seconds between two points.'),
  points: z.array(pointShape).describe('Oldest first.'),
})
export const historyShape = z.strictObject({
  recent: seriesShape.describe('Ten minutes by the second.'),
  day: seriesShape.describe('A day by the minute.'),
})

/** A line of the access log: who looked at personal data or did something, and when. */
export const entryShape = z.strictObject({
  at: text('When, as ISO 8601 in UTC.'),
  who: text('Name of the token, or `socket` for the control socket.'),
  from: z.enum(['socket', 'http', 'console']).describe('The way in.'),
  what: text('What was done.'),
  on: text('What it was done to.').exactOptional(),
  targets: texts('Each of them, where it was done to several at once.').exactOptional(),
  outcome: z.enum(['done', 'refused', 'failed']).describe('What came of it.'),
})
export const accessShape = z.strictObject({ entries: z.array(entryShape).describe('Oldest first.') })

export const namesShape = z.strictObject({
  users: z.record(z.string(), z.string()).describe('Names by pseudonym, of users who are here.'),
  sessions: z
    .record(
      z.string(),
      z.strictObject({
        user: text('The name in the credential.'),
        client: text('Address and port that the client sends from.'),
      }),
    )
    .describe('By id of the session, of sessions that live.'),
})

export const reloadedShape = z.strictObject({
  ok: yes('False: the file is broken, or the reload was refused; the configuration in use stays.'),
  refused: z.enum(['draining', 'stopping']).describe('Why nothing was read.').exactOptional(),
  problems: texts('What is wrong with the file.'),
  warnings: texts('What need not stop anybody.'),
  restart: texts('Keys that have changed and need a restart.'),
})

export const upgradedShape = z.strictObject({
  ok: yes('False: everything goes on as before.'),
  pid: z.int().describe('The process that goes on with the calls, or has failed to.').exactOptional(),
  version: text('Its version.').exactOptional(),
  allocations: count('Allocations that it has taken over.').exactOptional(),
  stays: count('Allocations that the process before it keeps, as their clients are on TLS.').exactOptional(),
  gap: z
    .number()
    .describe('Milliseconds in which neither of them read; what came then was not lost.')
    .exactOptional(),
  why: text('Why all goes on as before.').exactOptional(),
})

export const notifiedShape = z.strictObject({
  sent: z
    .array(
      z.strictObject({
        way: text('The way: `email`, `matrix`, `ntfy 1`, `webhook 1`.'),
        why: text('Why it was not sent; absent where it was.').exactOptional(),
      }),
    )
    .describe('One entry for each way that `notify` names.'),
})

const changeKind = z.enum(['pause', 'block', 'limit'])
const limitValue = z.union([z.string(), z.number()])

/** Something that an operator has changed while the relay ran. */
export const changeShape = z.strictObject({
  id: text('Names it, for undoing it.'),
  at: at('When it was made'),
  who: text('Who made it, as in the access log.'),
  kind: changeKind.describe('`pause`: a homeserver; `block`: a user; `limit`: one of the limits.'),
  homeserver: text('The homeserver that it is about; absent for all.').exactOptional(),
  paused: yes('With `pause`: whether it is paused now.').exactOptional(),
  user: text('With `block`: pseudonym of the user.').exactOptional(),
  until: at('With `block`: its end, where it has one').exactOptional(),
  key: text('With `limit`: its name in the configuration.').exactOptional(),
  value: limitValue.describe('With `limit`: the value, as the file would have it.').exactOptional(),
})
export const changesShape = z.strictObject({
  changes: z.array(changeShape).describe('Those in force, the oldest first.'),
  limits: z
    .array(
      z.strictObject({
        key: text('Name in the configuration.'),
        homeserver: text('Whose share it is; absent for `limits`.').exactOptional(),
        value: limitValue.describe('In force.'),
        file: limitValue.describe('In the configuration file; absent where it has none.').exactOptional(),
      }),
    )
    .describe('Every limit.'),
})
export const changeAskedShape = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('pause').describe('Pauses a homeserver, or resumes it: calls in progress continue.'),
    homeserver: z.string().max(256).describe('Its name in the configuration.'),
    paused: yes('False: opens new allocations again.'),
  }),
  z.strictObject({
    kind: z.literal('block').describe('Blocks a user: ends the allocations and opens no more.'),
    user: z.string().max(64).exactOptional().describe('The user by pseudonym, while there is a session.'),
    name: z.string().min(1).max(512).exactOptional().describe('Or by the name in the credential.'),
    homeserver: z.string().max(256).exactOptional().describe('Only as a user of this homeserver.'),
    seconds: z.int().min(60).max(315_360_000).exactOptional().describe('For how long; absent for ever.'),
  }),
  z.strictObject({
    kind: z.literal('limit').describe('Changes one of the limits; what is open stays open.'),
    key: z.string().max(64).describe('Its name in `limits`, or `allocations` or `bitrate` of a homeserver.'),
    homeserver: z.string().max(256).exactOptional().describe('The homeserver whose share it is.'),
    value: z
      .union([z.string().max(64), z.number()])
      .describe('As the file would have it: 200, "2 Mbit/s", "unlimited".'),
  }),
])
const banShape = z.strictObject({
  network: text('An address or a network. Names a client.'),
  since: at('When it began'),
  until: at('When it ends'),
  by: text('Name of the token, or `socket`.'),
  reason: text('What was noted.').exactOptional(),
})
export const bansShape = z.strictObject({ bans: z.array(banShape).describe('Those that end first on top.') })
export const bannedShape = z.strictObject({
  ban: banShape.describe('The ban.'),
  ended: count('Sessions that were ended.'),
})
export const liftedShape = z.strictObject({ lifted: text('The network, as it is written.') })

export const linkShape = z.strictObject({ url: text('The link.'), expires: at('When it ends') })
export const endedShape = z.strictObject({ ended: count('Allocations that were ended.') })
export const drainingShape = z.strictObject({
  draining: z.literal(true).describe('The relay takes no new allocation any more.'),
  allocations: count('Allocations that are still live.'),
})
export const cancelledShape = z.strictObject({
  cancelled: yes('False: the relay was not draining.'),
})
export const configurationShape = z
  .record(z.string(), z.unknown())
  .describe('As turnserver.json, with every default and without secrets.')
export const errorShape = z.strictObject({ error: text('What is wrong.'), hint: text('What fixes it.') })

/** What a client of the feed sends, within five seconds of connecting, and nothing else after it. */
export const helloShape = z.object({
  type: z.literal('hello'),
  token: z.string().max(512),
  /** To go on where one was: those of the last message. */
  epoch: z.string().max(64).exactOptional(),
  seq: z.int().exactOptional(),
  /** Of what is said when the connection is refused; by itself that of Accept-Language. */
  language: z.enum(LANGUAGES).exactOptional(),
})
