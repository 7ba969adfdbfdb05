import { formatAddress, formatIp } from '../base/address.ts'
import { isStream } from '../base/via.ts'
import type { CapacityCause, Event, RejectReason, ThrottleReason, UnservedReason } from '../core/event.ts'
import type { RunningKey, RunningText } from '../texts/running.ts'
import type { WritingLevel } from './level.ts'
import type { Log, LogFields } from './log.ts'
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
            proxyId: this.#privacy.reference(event.uniqueId),
            detail: event.detail,
            hint: hint(UNSERVED_HINTS[event.why]),
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
      hint: hint(HINTS['denied-peer']),
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
          ? { key: 'hint.sameHost', values: { port: peer.port } }
          : { key: 'hint.allowOwn', values: { ip: formatIp(peer.ip) } },
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
      hint: hint(THROTTLED[event.why]),
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

/** What the internet's noise causes all day long, and what means that nobody is served. */
const UNSERVED_LEVELS: Partial<Record<UnservedReason, WritingLevel>> = {
  'proxy-missing': 'warn',
  'proxy-malformed': 'warn',
  'web-full': 'warn',
  'web-unreachable': 'warn',
  http: 'debug',
  'not-stun': 'debug',
  'tls-broken-off': 'debug',
  'tls-timeout': 'debug',
  'tls-version': 'debug',
  'tls-cipher': 'debug',
}

const UNSERVED_HINTS: Partial<Record<UnservedReason, RunningKey>> = {
  http: 'hint.http',
  'proxy-header': 'hint.proxyHeader',
  'proxy-source': 'hint.proxySource',
  'proxy-missing': 'hint.proxyMissing',
  'proxy-malformed': 'hint.proxyMalformed',
  'web-full': 'hint.webFull',
  'web-unreachable': 'hint.webUnreachable',
  'plain-on-tls': 'hint.plainOnTls',
  'tls-without-certificate': 'hint.tlsWithoutCertificate',
  'tls-untrusted': 'hint.tlsUntrusted',
  'tls-version': 'hint.tlsVersion',
  'tls-cipher': 'hint.tlsCipher',
  'tls-protocol': 'hint.tlsProtocol',
}

/** What to do about the cause of a rejection; nothing where none is known. */
function hintFor({ why, detail, cause }: Rejected): RunningText | undefined {
  // The detail of these two is the limit that was reached.
  if (why === 'quota') return { key: 'hint.quota', values: { limit: detail } }
  if (why === 'allocation-rate') return { key: 'hint.allocationRate', values: { limit: detail } }
  return hint(cause ? CAPACITY_HINTS[cause] : HINTS[why])
}

function hint(key: RunningKey | undefined): RunningText | undefined {
  return key && { key }
}

const CAPACITY_HINTS: Readonly<Record<CapacityCause, RunningKey>> = {
  allocations: 'hint.allocations',
  ports: 'hint.ports',
  'relay-address': 'hint.relayAddress',
  'shared-port': 'hint.sharedPort',
  descriptors: 'hint.descriptors',
  reservation: 'hint.reservation',
  permissions: 'hint.permissions',
  channels: 'hint.channels',
  'user-share': 'hint.userShare',
  'peers-in-all': 'hint.peersInAll',
  memory: 'hint.memory',
}

const THROTTLED: Record<ThrottleReason, RunningKey> = {
  unverified: 'hint.unverified',
  guessing: 'hint.guessing',
  requests: 'hint.requests',
  scan: 'hint.scan',
}

const HINTS: Partial<Record<RejectReason, RunningKey>> = {
  expired: 'hint.expired',
  'wrong-secret': 'hint.wrongSecret',
  'unknown-user': 'hint.unknownUser',
  'denied-peer': 'hint.deniedPeer',
}
