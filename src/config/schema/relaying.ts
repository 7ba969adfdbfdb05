import { z } from 'zod'
import { formatAddress } from '../../base/address.ts'
import { formatRange } from '../../base/range.ts'
import { parseDenied, parsePeers } from '../values/cidr.ts'
import { parseAlternate } from '../values/host-port.ts'
import { formatPorts, parsePortOrRange, parsePorts } from '../values/port-range.ts'
import { formatRelayAddress, parseRelayAddress } from '../values/relay-address.ts'
import { bound, count, DAY, duration, durationOrUnlimited, ranges, rate, textField } from './fields.ts'

/* How traffic is relayed, and how much of it. */

export const relaySection = z
  .strictObject({
    addresses: z
      .array(
        textField(parseRelayAddress, {
          format: formatRelayAddress,
          examples: ['auto', '203.0.113.7', '10.0.0.5=203.0.113.7', 'auto=turn.example.org', 'auto=pcp'],
        }),
      )
      .min(1)
      .prefault(['auto'])
      .meta({ restart: true, env: { name: 'TACITURN_PUBLIC_ADDRESS', form: 'auto={}' } })
      .describe(
        'The addresses that peers see. "auto" takes those of this machine. Behind 1:1 NAT (most clouds, every home) write "local=public", such as "10.0.0.5=203.0.113.7", or peers are told an address that nobody reaches. The local one may be "auto" as well, the public one a name of the DNS, which is looked up again and again, "pcp" for what the router says (see "portMapping"), or "stun:HOST:PORT" for what a STUN server sees.',
      ),
    ports: textField(parsePorts, {
      format: formatPorts,
      examples: ['49152-65535', '3479', '3479, 3480'],
      pattern: '^ *[0-9]+ *(- *[0-9]+ *|(, *[0-9]+ *)*)$',
    })
      .prefault('49152-65535')
      .meta({ restart: true, env: { name: 'TACITURN_RELAY_PORTS' } })
      .describe(
        "The UDP ports to relay from. The firewall must let them in. Of a range, each allocation takes one for each family. One port, or a few with commas between them, are shared by all allocations, for routers, containers and clouds where no range can be opened: then every call must use ICE, as browsers do, and a peer address can be one client's at a time. No UDP listener may have such a port.",
      ),
    portMapping: z
      .enum(['off', 'auto', 'pcp', 'nat-pmp', 'upnp'])
      .default('off')
      .meta({ restart: true })
      .describe(
        'At home: asks the router to pass the listeners\' ports and those in "ports" on to this machine, and gives them back at the end. "auto" asks by PCP, then by NAT-PMP, then by UPnP; the others by one of them only. The router must permit it, and "ports" may have 256 at most. Until the router has mapped them the relay is not ready.',
      ),
    defaultFamily: z
      .enum(['ipv4', 'listener'])
      .default('ipv4')
      .describe(
        'What clients get that ask for no family: "ipv4" as in RFC 8656, or "listener" for the family they came by, which is useful where there is no IPv4.',
      ),
  })
  .prefault({})
  .describe('How traffic reaches peers.')

export const peersSection = z
  .strictObject({
    deny: z
      .array(
        textField(parseDenied, {
          format: entry => (entry === 'recommended' ? entry : formatRange(entry)),
          examples: ['recommended', '198.51.100.0/24', '192.0.2.1-192.0.2.9'],
        }),
      )
      .prefault(['recommended'])
      .describe(
        'Never reached: "10.0.0.0/8", "192.0.2.7", "192.0.2.1-192.0.2.9", or the same in IPv6. "recommended" stands for private, loopback, link-local, multicast, documentation and reserved ranges, and the own addresses of this machine. Calls between two clients of this relay do not need any of these.',
      ),
    allow: ranges(parsePeers, ['192.168.1.0/24'])
      .prefault([])
      .describe(
        'Parts of "recommended" that may be reached nevertheless, such as a LAN. An entry in "deny" beats it. An address of this machine itself is opened by an entry for it alone, such as "192.168.1.5", not by a network that it lies in.',
      ),
    only: ranges(parsePeers, ['203.0.113.0/24'])
      .prefault([])
      .describe('When it has entries, nothing else is reached.'),
    sameHost: z
      .array(textField(parsePortOrRange, { format: formatPorts, examples: ['10000', '50000-60000'] }))
      .exactOptional()
      .describe(
        'UDP ports of other programs on this machine, such as LiveKit or the video bridge of Jitsi, that clients reach at the addresses the relay relays from. Without this key: 1024-65535 of public addresses, but no port of the relay itself and none of well-known internal services (statsd, VXLAN, SIP and so on). With it: these ports only, also at private addresses. [] closes all.',
      ),
  })
  .prefault({})
  .describe(
    'Which peers clients may reach through the relay. Without these rules a relay is a door into the network it stands in.',
  )

export const limitsSection = z
  .strictObject({
    allocationsPerUser: count(1, 1_000_000)
      .default(200)
      .describe(
        'Allocations of one user, on all devices. Browsers open several for each call, and Element asks for twenty.',
      ),
    allocationsPerAddress: count(1, 1_000_000)
      .default(400)
      .describe(
        'Allocations from one client address: an IPv4 address, or an IPv6 /56. Many users may be behind one address.',
      ),
    allocations: count(1, 1_000_000)
      .default(16_384)
      .describe('Allocations in all. More than there are ports is useless.'),
    allocationsPerUserPerMinute: bound(1_000_000)
      .prefault(600)
      .describe(
        'Allocations that one user may open in a minute, or "unlimited". An Element client opens up to 84 for one call.',
      ),
    peersPerUserPerMinute: bound(100_000)
      .prefault(600)
      .describe(
        'Different peers (address and port) that one user may try in a minute, or "unlimited". A call tries a few dozen for each participant; thousands are a scan of hosts or ports, which stops here and is logged. Each worker counts by itself.',
      ),
    requestsPerUserPerSecond: bound(100_000)
      .prefault(200)
      .describe(
        'Signed requests of one user (Allocate, Refresh, permissions and channels), or "unlimited". Ten seconds of it may come at once; one connection or port has half of it. What is above is dropped, and clients send it again. Each worker counts by itself.',
      ),
    unverifiedAnswersPerNetwork: bound(10_000)
      .prefault(100)
      .describe(
        'Answers a second to requests without proof (Binding, and the first request of every session) from one network: an IPv4 /24 or an IPv6 /56, UDP apart from TCP. Ten seconds of it may come at once; one address has half of it, one socket a tenth. A client that shows a nonce sent to it, or has an allocation, is not counted. Enough for some hundred people behind one address; "unlimited" makes the relay a reflector.',
      ),
    unverifiedAnswers: bound(1_000_000)
      .prefault(10_000)
      .describe(
        'The same for all networks together, or "unlimited". Networks in which somebody has logged in within a day are answered beyond it.',
      ),
    bitratePerUser: rate('2 Mbit/s')
      .prefault('unlimited')
      .describe(
        'Payload of one user, both directions together, and 48 octets for each packet; at least "80 kbit/s". A second\'s worth passes at once; more is dropped, and so is any single datagram larger than that, which calls do not have.',
      ),
    bitrate: rate('200 Mbit/s')
      .prefault('unlimited')
      .describe('Payload of all users together, and 48 octets for each packet.'),
    lifetime: duration({ min: 600, max: DAY }, ['1h'])
      .prefault('1h')
      .describe(
        'The longest lifetime of an allocation between two refreshes. Clients refresh far more often.',
      ),
    permissionsPerAllocation: count(1, 65_536)
      .default(256)
      .describe('Peer addresses that one allocation may permit at a time.'),
    channelsPerAllocation: count(1, 4096)
      .default(256)
      .describe('Channels that one allocation may bind at a time.'),
    permissionsPerUser: count(1, 10_000_000)
      .default(8192)
      .describe(
        'Permitted peer addresses of one user in all their allocations. The widest call needs some dozens for each allocation. Each worker counts by itself.',
      ),
    channelsPerUser: count(1, 10_000_000)
      .default(8192)
      .describe('Channels of one user in all their allocations. Each worker counts by itself.'),
    permissions: count(1, 10_000_000)
      .default(262_144)
      .describe(
        'Permitted peer addresses of all together. One with its channel and route takes some 200 bytes of memory: the default is 52 MB. Each worker counts by itself.',
      ),
    channels: count(1, 10_000_000)
      .default(262_144)
      .describe('Channels of all together. Each worker counts by itself.'),
    connections: count(1, 1_000_000).default(4096).describe('Open TCP and TLS connections.'),
    connectionsPerAddress: count(1, 1_000_000)
      .default(256)
      .describe('Open TCP and TLS connections from one address.'),
  })
  .prefault({})
  .describe('Bounds. A request above them is answered with an error, or dropped; what is open stays open.')

export const credentialsSection = z
  .strictObject({
    grace: duration({ min: 0, max: DAY }, ['60s'])
      .prefault('60s')
      .describe(
        'How long past its expiry a credential still opens an allocation: clocks differ, and clients are slow.',
      ),
    strictExpiry: z
      .boolean()
      .default(false)
      .describe(
        'False: the expiry counts when an allocation is opened. True: on every refresh too, which cuts calls longer than the credential lives.',
      ),
    backOff: z
      .boolean()
      .default(true)
      .describe(
        'True: after a dozen wrong passwords for one name from one address, further ones are tried ever more slowly, down to two a minute. Two and a half minutes later that is forgotten. It never counts against the same name from elsewhere.',
      ),
    maxLifetime: durationOrUnlimited({ min: 60, max: 3650 * DAY }, ['unlimited', '24h', '7d'])
      .prefault('unlimited')
      .describe(
        'The most that an expiry may lie in the future, against leaked credentials that never end. Homeservers make them for a day or less; "7d" leaves room.',
      ),
  })
  .prefault({})
  .describe('How time-limited credentials are judged.')

export const protocolSection = z
  .strictObject({
    sha256: z.boolean().default(true).describe('Offers SHA-256 beside SHA-1 and MD5 (RFC 8489).'),
    software: z
      .union([z.literal(false), z.string().min(1).max(127)], { error: () => 'want-software' })
      .default(false)
      .describe(
        'A text that answers name the software with (SOFTWARE), or false: it makes answers larger and tells attackers what to try.',
      ),
    reasonPhrases: z
      .boolean()
      .default(false)
      .describe('Reason phrases in error answers, for debugging with a packet capture.'),
    mappedAddress: z
      .boolean()
      .default(false)
      .describe('MAPPED-ADDRESS in Binding answers, for clients older than 2008.'),
    classicStun: z
      .boolean()
      .default(false)
      .describe('Answers STUN of RFC 3489, for clients older than 2008.'),
    legacyChannelNumbers: z
      .boolean()
      .default(false)
      .describe('Takes channel numbers up to 0x7FFE (RFC 5766). Current clients stay below 0x5000.'),
    mobility: z
      .boolean()
      .default(true)
      .describe(
        'Clients that ask for it keep their call when they change networks (RFC 8016). False: they are told that it is forbidden (405).',
      ),
  })
  .prefault({})
  .describe('What answers hold. The defaults keep them small, since large answers are useful for floods.')

export const alternateSection = z
  .strictObject({
    servers: z
      .array(
        textField(parseAlternate, {
          format: formatAddress,
          examples: ['203.0.113.8:3478', '[2001:db8::8]:3478'],
        }),
      )
      .min(1)
      .describe('Addresses of the other relay, one for each family.'),
    domain: z
      .string()
      .regex(/^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/, 'want-domain')
      .exactOptional()
      .meta({ examples: ['turn2.example.org'] })
      .describe('The name in the certificate of the other relay.'),
  })
  .exactOptional()
  .describe(
    'Where clients are sent while this relay drains before a restart (300 Try Alternate). Without it they are told to come back later.',
  )
