import { formatAddress, formatIp } from '../base/address.ts'
import { isStream } from '../base/via.ts'
import type { CapacityCause, Event, RejectReason, ThrottleReason, UnservedReason } from '../core/event.ts'
import type { Log, LogFields, WritingLevel } from './log.ts'
import type { Privacy } from './privacy.ts'

type Rejected = Extract<Event, { kind: 'rejected' }>
type Throttled = Extract<Event, { kind: 'throttled' }>

/** Milliseconds between two lines that explain why a private peer was refused. */
const EXPLAIN_EVERY = 600_000

/**
 * Writes what the relay tells into the log, one line per event. Who is meant
 * appears only as `Privacy` lets it; relayed addresses are ours and stand in
 * full, so that a complaint about one of them can be traced to its allocation.
 */
export class Journal {
  readonly #log: Log
  readonly #privacy: Privacy
  #denied = 0
  #explained = Number.NEGATIVE_INFINITY
  #namesOffenders: boolean

  /** `namesOffenders`: tells the addresses of those who try what one should not, for programs that ban them. */
  constructor(log: Log, privacy: Privacy, namesOffenders = false) {
    this.#namesOffenders = namesOffenders
    this.#log = log
    this.#privacy = privacy
  }

  configure(namesOffenders: boolean): void {
    this.#namesOffenders = namesOffenders
  }

  write(event: Event): void {
    switch (event.kind) {
      case 'opened':
        if (!this.#log.isWritten('info')) return
        this.#log.info('opened', {
          ...this.#whose(event),
          transport: event.via,
          relayed: event.relayed.map(formatAddress),
        })
        return
      case 'closed':
        if (!this.#log.isWritten('info')) return
        this.#log.info('closed', {
          ...this.#whose(event),
          transport: event.via,
          relayed: event.relayed.map(formatAddress),
          reason: event.reason,
          seconds: Math.round((event.at - event.since) / 1000),
          peers: event.peers,
          packetsToPeer: event.traffic.toPeer.packets,
          bytesToPeer: event.traffic.toPeer.bytes,
          packetsToClient: event.traffic.toClient.packets,
          bytesToClient: event.traffic.toClient.bytes,
        })
        return
      case 'roamed':
        if (!this.#log.isWritten('info')) return
        this.#log.info('roamed', {
          allocation: event.allocation,
          client: this.#privacy.address(event.client),
          transport: event.via,
          before: event.before.via,
        })
        return
      case 'permitted':
        if (!this.#log.isWritten('debug')) return
        this.#log.debug('permitted', {
          allocation: event.allocation,
          peers: event.peers.map(peer => this.#privacy.address(peer)).filter(peer => peer !== undefined),
        })
        return
      case 'bound':
        if (!this.#log.isWritten('debug')) return
        this.#log.debug('bound', {
          allocation: event.allocation,
          channel: event.channel,
          peer: this.#privacy.address(event.peer),
        })
        return
      case 'unreserved':
        this.#log.debug('unreserved', { homeserver: event.owner.tenant || undefined })
        return
      case 'withheld':
        this.#withheld(event)
        return
      case 'rejected':
        this.#rejected(event)
        return
      case 'throttled':
        this.#throttled(event)
        return
      case 'unserved':
        this.#log.limited(
          `unserved: ${event.why}`,
          UNSERVED_LEVELS[event.why] ?? 'info',
          'connection not served',
          () => ({
            reason: event.why,
            client: this.#privacy.address(event.from),
            detail: event.detail,
            hint: UNSERVED_HINTS[event.why],
          }),
        )
        return
    }
  }

  /** Takes note of rejections that were too many to be told one by one. */
  writeFewer(why: RejectReason, count: number): void {
    if (why === 'denied-peer') this.#denied += count
    else this.#log.hold(`rejected: ${why}`, LEVELS[why] ?? 'debug', count)
  }

  #rejected(event: Rejected): void {
    if (event.why === 'denied-peer') {
      this.#deniedPeer(event)
      return
    }
    // Over UDP anybody can write any sender, so only one who has shown to receive there is named.
    if (OFFENCES.has(event.why) && (event.isReturning || isStream(event.via))) this.#offender(event)
    const level = LEVELS[event.why] ?? 'debug'
    this.#log.limited(`rejected: ${event.why}`, level, 'rejected', () => ({
      ...this.#request(event),
      user: event.username === undefined ? undefined : this.#privacy.username(event.username),
      hint: hintFor(event),
    }))
  }

  /** Clients offer their private addresses as a matter of course, so one line in a while must do. */
  #deniedPeer(event: Rejected): void {
    this.#denied++
    if (event.at - this.#explained < EXPLAIN_EVERY) return
    this.#explained = event.at
    this.#log.info('peers denied', {
      count: this.#denied,
      ...this.#request(event),
      hint: HINTS['denied-peer'],
    })
    this.#denied = 0
  }

  /** An address of our own is nobody's secret here, and the hint is of no use without it. */
  #withheld({ allocation, owner, peer, key }: Extract<Event, { kind: 'withheld' }>): void {
    this.#log.limited('withheld', 'warn', 'this machine is kept from a client', () => ({
      allocation,
      homeserver: owner.tenant || undefined,
      user: this.#privacy.user(owner.user),
      own: formatAddress(peer),
      hint:
        key === 'sameHost'
          ? `If a program of this machine, such as a media server, is to be reached there, open its UDP ports: "peers": {"sameHost": ["${peer.port}"]}. The list replaces the default, which is 1024-65535 without the ports of well-known services.`
          : `If a program of this machine, such as a media server, is to be reached there, name the address: "peers": {"allow": ["${formatIp(peer.ip)}"]}. That opens all of its UDP ports but those of this relay.`,
    }))
  }

  #throttled(event: Throttled): void {
    const message = event.why === 'scan' ? 'scan' : 'throttled'
    if (event.why === 'scan') this.#offender(event)
    this.#log.limited(`throttled: ${event.why}`, 'warn', message, () => ({
      reason: event.why,
      count: event.count,
      homeserver: event.owner?.tenant || undefined,
      user: event.owner && this.#privacy.user(event.owner.user),
      client: this.#privacy.address(event.from),
      hint: THROTTLED[event.why],
    }))
  }

  #offender({ from, why }: Rejected | Throttled): void {
    if (!this.#namesOffenders) return
    // The order of the fields is what the filter of fail2ban expects.
    this.#log.limited('offender', 'warn', 'suspicious client', () => ({
      address: formatIp(from.ip),
      reason: why,
    }))
  }

  #request(event: Rejected): LogFields {
    return {
      reason: event.why,
      code: event.code,
      method: event.method,
      transport: event.via,
      client: this.#privacy.address(event.from),
      detail: event.detail,
    }
  }

  #whose(event: Extract<Event, { kind: 'opened' | 'closed' }>): LogFields {
    return {
      allocation: event.allocation,
      homeserver: event.owner.tenant || undefined,
      user: this.#privacy.user(event.owner.user),
      client: this.#privacy.address(event.client),
    }
  }
}

/** What a client should not do, and does not by mistake for long. */
const OFFENCES: ReadonlySet<RejectReason> = new Set(['wrong-secret', 'unknown-user', 'guessing'])

/** The 401 that opens every session is not news; a refused credential is, as somebody's calls fail. */
const LEVELS: Partial<Record<RejectReason, WritingLevel>> = {
  'first-401': 'trace',
  expired: 'info',
  // Somebody's calls fail, or somebody tries secrets: either way the operator should see it.
  'wrong-secret': 'warn',
  'unknown-user': 'info',
  quota: 'info',
  'allocation-rate': 'info',
  capacity: 'warn',
}

/** What the internet's noise causes all day long. */
const UNSERVED_LEVELS: Partial<Record<UnservedReason, WritingLevel>> = {
  http: 'debug',
  'not-stun': 'debug',
  'tls-broken-off': 'debug',
  'tls-timeout': 'debug',
  'tls-version': 'debug',
  'tls-cipher': 'debug',
}

const UNSERVED_HINTS: Partial<Record<UnservedReason, string>> = {
  http: 'A browser or a health check was pointed at a port of this relay. HTTP is served by the listeners of metrics, console and issue; a health check should open a TCP connection and no more.',
  'proxy-header':
    'Something in front of this relay speaks the PROXY protocol, which is not understood here. Turn it off there (proxy_protocol in nginx, send-proxy in HAProxy). All clients then appear with the address of the proxy and share the limits per address, so let clients reach this port directly if you can.',
  'plain-on-tls':
    'The client does not use TLS, perhaps since it cannot (libnice, and so GStreamer and Janus). Give it a turn: URI, or write this listener as tcp:// instead of tls://: a tcp:// listener takes both.',
  'tls-without-certificate':
    'Clients were given a turns: URI for this port. Name a certificate and its key in tls, or take the URI away from the homeserver.',
  'tls-untrusted':
    'Check the name, the expiry and the chain of the certificate: its file must hold the intermediate certificates too (fullchain.pem). taciturn doctor looks at all three. Old devices may not know the authority at all.',
  'tls-version': 'TLS 1.0 and 1.1 are not served (RFC 8996).',
  'tls-cipher': 'Only cipher suites with forward secrecy and AEAD are served (RFC 9325).',
  'tls-protocol': 'The client asks for NAT discovery (RFC 7443), which is not served.',
}

/** What to do about the cause of a rejection; nothing where none is known. */
function hintFor({ why, detail, cause }: Rejected): string | undefined {
  // The detail of these two is the limit that was reached.
  if (why === 'quota') {
    return `Someone holds as many allocations as one may. If these are ordinary calls, raise ${detail}.`
  }
  if (why === 'allocation-rate') {
    return `Someone opens allocations faster than one may. If these are ordinary calls, raise ${detail}.`
  }
  return cause ? CAPACITY_HINTS[cause] : HINTS[why]
}

const CAPACITY_HINTS: Readonly<Record<CapacityCause, string>> = {
  allocations: 'The relay has as many allocations as it may have. Raise limits.allocations.',
  ports: 'The relay ports are used up. Widen relay.ports, or add a relay address.',
  'relay-address':
    'relay.addresses names an address that is not on this machine now, or none of this family. Compare it with the output of: ip address',
  descriptors:
    'The limit of open files is reached. Raise LimitNOFILE in the systemd unit (systemctl edit taciturn), or ulimit -n.',
  reservation:
    'The client asked for a reserved port by a token that is used, expired or made up. No limit is reached.',
  permissions: 'One client asked for more peers than one allocation may have. Others are not affected.',
  channels: 'One client asked for more channels than one allocation may have. Others are not affected.',
  'user-share':
    'One user holds as many permissions or channels as one may, on all devices together. Others are not affected. If these are ordinary calls, raise the limit that detail names.',
  'peers-in-all':
    'All users together hold as many permissions or channels as the relay may have. Raise the limit that detail names: a channel with its permission takes some 200 bytes.',
  memory:
    'The line "memory is nearly full" says which memory it is, and what to raise. Calls that stand go on.',
}

const THROTTLED: Record<ThrottleReason, string> = {
  unverified:
    'More requests without credentials than one network, or all together, may send: a flood, or an office behind one address. Calls go on. For an office, raise limits.unverifiedAnswersPerNetwork.',
  guessing:
    'Wrong passwords again and again, so for a while no more of them are tried. The lines with the reason wrong-secret or unknown-user say which.',
  requests:
    'A user sent signed requests faster than one may, and those above were dropped; calls go on. If a media server or a load test is behind it, raise limits.requestsPerUserPerSecond.',
  scan: 'The user tried more different peers in a minute than a call needs, and was stopped. For very large calls, raise limits.peersPerUserPerMinute.',
}

const HINTS: Partial<Record<RejectReason, string>> = {
  expired:
    'The credential is past its expiry. Compare the clocks of homeserver and relay (timedatectl), and give credentials more time (turn_user_lifetime in Synapse).',
  'wrong-secret':
    "The credential was signed with a secret this relay does not know. Put the homeserver's turn_shared_secret into homeservers[].secrets, or let the relay print the lines to paste: taciturn snippet synapse",
  'unknown-user':
    'The name is neither a time-limited credential nor an entry of users. Check that the homeserver uses a shared secret, and not a fixed turn_username that is unknown here.',
  'denied-peer':
    'Normal for clients behind a router: they offer private addresses too, and the call takes another path. If the relay shall reach a network of yours, add it to peers.allow.',
}
