import { z } from 'zod'
import { bound, count, duration, path, peers, rate, textField } from './fields.ts'
import { parseIssueLifetime, parseOrigin } from './issuing.ts'
import { homeserver, user } from './tenants.ts'
import { parseDenied, parsePeers } from './values/cidr.ts'
import {
  parseAlternate,
  parseConsoleAddress,
  parseHttpAddress,
  parseIssueAddress,
} from './values/host-port.ts'
import { parseListener } from './values/listener.ts'
import { parsePorts } from './values/port-range.ts'
import { parsePublicUrl } from './values/public-url.ts'
import { parseRelayAddress } from './values/relay-address.ts'
import { parseHomeserverName, parseRealm, parseTurnUri } from './values/text.ts'

/*
 * The one description of turnserver.json. Types, defaults, editor completion
 * (turnserver.schema.json) and the check itself come from it. Every `describe`
 * is what an editor shows at the key.
 *
 * A message that zod is given here is a key of `messages.ts`.
 */

const DAY = 86_400

export const schema = z.strictObject({
  $schema: z.string().exactOptional().describe('Where editors find the description of this file.'),
  realm: textField(parseRealm, { examples: ['turn.example.org'] }, 'want-text')
    .exactOptional()
    .describe(
      'The realm that clients authenticate in: the DNS name of this server. Default: the name of the machine.',
    ),
  listen: z
    .array(
      textField(
        parseListener,
        { examples: ['udp://0.0.0.0:3478', 'tcp://[::]:3478', 'tls://[::]:5349'] },
        'want-text',
      ),
    )
    .min(1)
    .exactOptional()
    .describe(
      'Where clients connect: udp://, tcp:// or tls:// and an IP address. Default: UDP and TCP 3478 on all addresses, and TLS 5349 where `tls` is set.',
    ),
  tls: z
    .strictObject({
      certificate: path().describe('The certificate with its chain, PEM (fullchain.pem).'),
      key: path().describe('Its private key, PEM, without passphrase.'),
    })
    .exactOptional()
    .describe('The certificate for tls:// listeners. The files are read again when they change.'),
  relay: z
    .strictObject({
      addresses: z
        .array(
          textField(
            parseRelayAddress,
            { examples: ['auto', '203.0.113.7', '10.0.0.5=203.0.113.7'] },
            'want-text',
          ),
        )
        .min(1)
        .prefault(['auto'])
        .describe(
          'The addresses that peers see. "auto" takes those of this machine; local=public is for 1:1 NAT.',
        ),
      ports: textField(parsePorts, { examples: ['49152-65535'], pattern: '^[0-9]+ *- *[0-9]+$' }, 'want-text')
        .prefault('49152-65535')
        .describe('The UDP ports to relay from. A firewall must let them in.'),
      defaultFamily: z
        .enum(['ipv4', 'listener'])
        .default('ipv4')
        .describe(
          'The family that clients get who ask for none: IPv4 (RFC 8656), or that of the address they came to.',
        ),
    })
    .prefault({})
    .describe('How traffic reaches peers.'),
  homeservers: z
    .array(homeserver)
    .default([])
    .describe(
      'Who may issue credentials: Matrix homeservers, and all else that makes time-limited TURN credentials.',
    ),
  users: z.array(user).default([]).describe('Users with a fixed password, beside the homeservers.'),
  peers: z
    .strictObject({
      deny: peers(parseDenied, ['recommended', '198.51.100.0/24', '192.0.2.1-192.0.2.9'])
        .prefault(['recommended'])
        .describe(
          'Peers that are never reached. "recommended": private, special and own addresses. Beats `allow`.',
        ),
      allow: peers(parsePeers, ['192.168.1.0/24'])
        .default([])
        .describe('Parts of "recommended" that are reached all the same, such as a LAN.'),
      only: peers(parsePeers, ['203.0.113.0/24'])
        .default([])
        .describe('When it has entries, no peer outside of them is reached.'),
    })
    .prefault({})
    .describe('Which peers may be reached through the relay. All addresses are judged in every notation.'),
  limits: z
    .strictObject({
      allocationsPerUser: count(1, 1_000_000)
        .default(200)
        .describe('Allocations of one user, on all devices.'),
      allocationsPerAddress: count(1, 1_000_000)
        .default(400)
        .describe('Allocations from one client address: an IPv4 address, or an IPv6 /64.'),
      allocations: count(1, 1_000_000).default(16_384).describe('Allocations in all.'),
      allocationsPerUserPerMinute: bound(1_000_000)
        .default(600)
        .describe('Allocations that one user may open in a minute, or "unlimited".'),
      peersPerUserPerMinute: bound(100_000)
        .default(600)
        .describe('Different peers that one user may try in a minute, or "unlimited". Stops scans.'),
      unverifiedAnswersPerNetwork: bound(10_000)
        .default(100)
        .describe(
          'Answers a second to requests without proof from one network (/24, /56), or "unlimited". Ten seconds of it at once; half of it for one address.',
        ),
      unverifiedAnswers: bound(1_000_000)
        .default(10_000)
        .describe('Answers a second to requests without proof in all, or "unlimited".'),
      bitratePerUser: rate()
        .prefault('unlimited')
        .describe('Payload of one user, both directions. More is dropped.'),
      bitrate: rate().prefault('unlimited').describe('Payload in all, both directions. More is dropped.'),
      lifetime: duration({ min: 60, max: DAY }, ['1h'])
        .prefault('1h')
        .describe('The longest lifetime of an allocation between two refreshes.'),
      permissionsPerAllocation: count(1, 65_536).default(256).describe('Peer addresses permitted at a time.'),
      channelsPerAllocation: count(1, 4096).default(256).describe('Channels bound at a time.'),
      connections: count(1, 1_000_000).default(4096).describe('Open TCP and TLS connections.'),
      connectionsPerAddress: count(1, 1_000_000)
        .default(256)
        .describe('Open TCP and TLS connections from one address.'),
    })
    .prefault({})
    .describe('Bounds. A request above them is answered with an error; what is open stays open.'),
  credentials: z
    .strictObject({
      grace: duration({ min: 0, max: DAY }, ['60s'])
        .prefault('60s')
        .describe('How long past its expiry a credential still opens an allocation, for clocks that differ.'),
      strictExpiry: z
        .boolean()
        .default(false)
        .describe(
          'Refuses an expired credential on refreshes too. This cuts calls longer than the credential lives.',
        ),
      backOff: z
        .boolean()
        .default(true)
        .describe('Tries repeated wrong passwords for one name from one address ever more slowly.'),
      maxLifetime: z
        .union([z.literal('unlimited'), duration({ min: 60, max: 3650 * DAY }, ['unlimited', '24h', '7d'])], {
          error: () => 'want-duration',
        })
        .default('unlimited')
        .describe(
          'The most that an expiry may lie in the future, against leaked credentials that never end.',
        ),
    })
    .prefault({})
    .describe('How time-limited credentials are judged.'),
  protocol: z
    .strictObject({
      sha256: z.boolean().default(true).describe('Offers SHA-256 beside SHA-1 and MD5 (RFC 8489).'),
      software: z
        .union([z.literal(false), z.string().min(1).max(127)], { error: () => 'want-software' })
        .default(false)
        .describe(
          'A SOFTWARE attribute for answers, or false: it makes answers larger and tells attackers the version.',
        ),
      reasonPhrases: z.boolean().default(false).describe('Reason phrases in error answers, for debugging.'),
      mappedAddress: z
        .boolean()
        .default(false)
        .describe('MAPPED-ADDRESS in Binding answers, for very old clients.'),
      classicStun: z.boolean().default(false).describe('Answers STUN of RFC 3489, for very old clients.'),
      legacyChannelNumbers: z
        .boolean()
        .default(false)
        .describe('Takes channel numbers up to 0x7FFE (RFC 5766).'),
    })
    .prefault({})
    .describe('What the answers hold. The defaults keep them small.'),
  alternate: z
    .strictObject({
      servers: z
        .array(textField(parseAlternate, { examples: ['203.0.113.8:3478'] }, 'want-text'))
        .min(1)
        .describe('Addresses of the other relay, one for each family.'),
      domain: z
        .string()
        .regex(/^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/, 'want-domain')
        .exactOptional()
        .describe('The name that its certificate has.'),
    })
    .exactOptional()
    .describe('Where clients are sent while this relay drains (300 Try Alternate).'),
  issue: z
    .strictObject({
      listen: textField(parseIssueAddress, { examples: ['http://127.0.0.1:8088'] }, 'want-text')
        .prefault('http://127.0.0.1:8088')
        .describe('Where the reverse proxy finds us.'),
      lifetime: textField(parseIssueLifetime, { examples: ['24h'] }, 'want-duration')
        .prefault('24h')
        .describe('How long credentials are valid. Clients need more than 20 minutes.'),
      relays: z
        .array(
          z.strictObject({
            uris: z
              .array(
                textField(
                  parseTurnUri,
                  { examples: ['turn:turn1.example.org:3478?transport=udp'] },
                  'want-text',
                ),
              )
              .min(1)
              .describe('Its TURN URIs, in the order in which clients are to get them.'),
            weight: count(1, 1000).default(1).describe('Its share of the users.'),
          }),
        )
        .default([])
        .describe('Relays that have the same secrets. Without any, this relay alone.'),
      relaysPerUser: count(1, 8)
        .default(1)
        .describe('How many of the relays each user is told; Firefox complains of five URIs.'),
      trustedProxies: peers(parsePeers, ['127.0.0.0/8'])
        .prefault(['127.0.0.0/8', '::1/128'])
        .describe('Addresses of reverse proxies, whose X-Forwarded-For is believed.'),
      origins: z
        .array(textField(parseOrigin, { examples: ['*', 'https://app.example.org'] }, 'want-text'))
        .prefault(['*'])
        .describe('Web pages that may ask (CORS). Matrix wants "*".'),
      requestsPerMinute: count(1, 1_000_000)
        .default(60)
        .describe('Requests of one client address: an IPv4 address, or an IPv6 /64.'),
      reachable: peers(parsePeers, ['192.168.1.10'])
        .default([])
        .describe(
          'Private addresses that homeservers of OpenID users may have all the same. Dangerous: they decide what is asked there.',
        ),
    })
    .exactOptional()
    .describe('Hands out credentials over HTTP, behind a reverse proxy.'),
  metrics: z
    .union(
      [
        z.literal(false),
        textField(parseHttpAddress, { examples: ['http://127.0.0.1:9641'] }, 'want-metrics'),
        z.strictObject({
          listen: textField(parseHttpAddress, { examples: ['http://127.0.0.1:9641'] }, 'want-text')
            .prefault('http://127.0.0.1:9641')
            .describe('Where /metrics, /healthz and /readyz are served.'),
          coturnNames: z
            .boolean()
            .default(false)
            .describe("Also writes coturn's metric names, for its dashboards."),
        }),
      ],
      { error: () => 'want-metrics' },
    )
    .prefault('http://127.0.0.1:9641')
    .describe('Where /metrics, /healthz and /readyz are served; false for nowhere.'),
  control: z
    .union([z.literal(false), path()], { error: () => 'want-control' })
    .default('auto')
    .describe(
      'The Unix socket of `taciturn status` and the other commands for a running relay. "auto": control.sock in $RUNTIME_DIRECTORY or the state folder; false for none.',
    ),
  console: z
    .union(
      [
        z.literal(false),
        textField(parseConsoleAddress, { examples: ['http://127.0.0.1:9642'] }, 'want-console'),
        z.strictObject({
          listen: textField(parseConsoleAddress, { examples: ['http://127.0.0.1:9642'] }, 'want-text')
            .prefault('http://127.0.0.1:9642')
            .describe('Where console, API and test page are served. Other than loopback only with tokens.'),
          publicUrl: textField(parsePublicUrl, { examples: ['https://turn.example.org'] }, 'want-text')
            .exactOptional()
            .describe('How people reach it, where a reverse proxy with TLS stands in front.'),
          tokens: z
            .array(
              z.strictObject({
                name: textField(parseHomeserverName, { examples: ['alice'] }, 'want-text').describe(
                  'Who has the token; the access log says so.',
                ),
                rights: z
                  .enum(['read', 'act'])
                  .default('read')
                  .describe('read: look. act: also disconnect, drain, reload, and see names.'),
                token: z.string().exactOptional().describe('The token, 16 characters or more.'),
                tokenFile: path().exactOptional().describe('A file that holds the token.'),
              }),
            )
            .default([])
            .describe('Who may use it for good. `taciturn console` makes links that end by themselves.'),
          origins: z
            .array(textField(parseOrigin, { examples: ['https://admin.example.org'] }, 'want-text'))
            .default([])
            .describe('Further origins under which it may be used.'),
        }),
      ],
      { error: () => 'want-console' },
    )
    .exactOptional()
    .describe(
      'Where the console, its API and the test page are served. Default: http://127.0.0.1:9642; false for nowhere.',
    ),
  workers: z
    .union([z.literal('auto'), count(1, 64)], { error: () => 'want-workers' })
    .default('auto')
    .describe('Threads that relay; "auto" suits the machine.'),
  udp: z
    .enum(['auto', 'native', 'dgram'])
    .default('auto')
    .describe('The UDP transport: the native one where it loads, or insist on one.'),
  log: z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error'])
        .default('info')
        .describe('The least that is logged.'),
      format: z
        .enum(['auto', 'json', 'text'])
        .default('auto')
        .describe('"auto": text on a terminal, else JSON.'),
      privacy: z
        .enum(['pseudonym', 'truncated', 'full', 'none'])
        .default('pseudonym')
        .describe('How users and addresses appear: as pseudonyms, shortened, in full, or not at all.'),
    })
    .prefault({})
    .describe('What is logged.'),
  stop: z
    .strictObject({
      deadline: duration({ min: 0, max: DAY }, ['0s', '5m'])
        .prefault('0s')
        .describe('How long live allocations may go on after SIGTERM.'),
    })
    .prefault({})
    .describe('How the relay ends.'),
  state: path()
    .default('auto')
    .describe('The folder for what is kept; "auto": /var/lib/taciturn or the user\'s own.'),
})

/** The file with its texts read and its defaults filled in, before other files are looked at. */
export type Written = z.output<typeof schema>
