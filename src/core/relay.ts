import type { Address } from '../base/address.ts'
import { Counter, type Counters } from '../base/counters.ts'
import type { RouteId } from '../base/ids.ts'
import type { Lifetimes } from '../base/lifetimes.ts'
import type { Time } from '../base/time.ts'
import { customerKey } from '../limits/customer.ts'
import { GcraTable } from '../limits/gcra-table.ts'
import type { Meters } from '../limits/meters.ts'
import {
  ADDITIONAL_ADDRESS_FAMILY,
  CHANGE_REQUEST,
  NONCE,
  PASSWORD_ALGORITHM,
  PASSWORD_ALGORITHMS,
  REALM,
  USERHASH,
  USERNAME,
} from '../wire/attributes.ts'
import { demultiplex } from '../wire/channel.ts'
import { integrityKind } from '../wire/integrity.ts'
import { get, MAX_ATTRIBUTES, type Message, Method, parse } from '../wire/message.ts'
import { peekNonce } from '../wire/peek.ts'
import type { Allocation, OpenAllocation } from './allocation.ts'
import { authenticate, type Known } from './authenticate.ts'
import { Book, drawId } from './book.ts'
import { type BucketSource, Buckets } from './buckets.ts'
import { close } from './close.ts'
import type { Command } from './command.ts'
import type { RelayConfig } from './config.ts'
import { channelData, fromPeer, unreachable } from './data.ts'
import type { Decisions, Witness } from './decisions.ts'
import type { Environment } from './environment.ts'
import type { Input } from './input.ts'
import { hungUp, speak } from './mobility/moves.ts'
import { mayBeElsewhere, nameByTicket, refer } from './mobility/refer.ts'
import { Tickets } from './mobility/tickets.ts'
import { Nonces } from './nonce.ts'
import { NO_ROUTE } from './peers/peers.ts'
import { routesEnded } from './peers/routes.ts'
import { Scans } from './peers/scans.ts'
import { Proofs } from './proofs.ts'
import type { RelayState } from './relay-state.ts'
import { type ReplyTo, reject, replyTo } from './reply.ts'
import { allocate, opened, refused } from './requests/allocate.ts'
import { binding } from './requests/binding.ts'
import { channelBind } from './requests/channel-bind.ts'
import { createPermission } from './requests/create-permission.ts'
import { RequestPace } from './requests/pace.ts'
import { refresh } from './requests/refresh.ts'
import type { Request } from './requests/request.ts'
import { send } from './requests/send.ts'
import { UNDERSTOOD } from './requests/understood.ts'
import { signerFinder } from './signer.ts'
import { restorePart } from './snapshot/restore.ts'
import { type CarriedBy, writeSnapshot } from './snapshot/write.ts'
import { Strangers } from './strangers.ts'
import { hasEnded, lapseFor, proceed, sweep } from './sweep.ts'

/** Secrets that all shards of a server share, so that what one has made the others know. */
export interface RelayKeys {
  /** 32 octets. */
  readonly nonces: Uint8Array
  /** `TICKET_KEY` octets. */
  readonly tickets: Uint8Array
}

/** What a relay is made of. */
export interface RelayParts {
  readonly config: RelayConfig
  readonly environment: Environment
  readonly counters: Counters
  readonly meters: Meters
  /** When what it holds ends; forwarders read them. */
  readonly lifetimes: Lifetimes
  /** Those of `meters`; its own unless several shards share them. */
  readonly buckets?: BucketSource | undefined
  /** Drawn unless several shards share them. */
  readonly keys?: RelayKeys | undefined
  /** Its own unless several shards share them. */
  readonly debts?: GcraTable | undefined
  /** Who has proved themselves, by keys of `debts`. */
  readonly proofs?: Proofs | undefined
  /** The id of an allocation to count on from; drawn where it is absent. */
  readonly lastId?: number | undefined
  readonly witness?: Witness | undefined
}

/**
 * A TURN server without sockets, timers or clocks (RFC 8656).
 *
 * Theory of operation. One input at a time goes in, the commands that follow
 * from it come out, and the state is what all inputs so far have made of it.
 * Three rules hold throughout:
 *
 * - Nothing changes before a request has proved itself. What is unsigned is
 *   answered from the configuration alone and leaves no trace but a count.
 * - The relay is complete without any forwarder. A `route` command only says
 *   "for this client and this peer you need not ask me", and is withdrawn or
 *   renewed before the answer that changes it leaves.
 * - One asynchronous step: an Allocate that passes its checks becomes a claim.
 *   The world settles quota, port and socket together and says `opened` or
 *   `refused`; only then is the client answered.
 *
 * Time lapses on its own: whatever has an `expires` is compared with `now`
 * where it is used, so the sweep once a second only clears away.
 */
export class Relay {
  readonly #state: RelayState
  readonly #witness: Witness | undefined

  constructor(parts: RelayParts) {
    const { config, environment, counters, meters, lifetimes, buckets, debts, proofs, witness } = parts
    const { random } = environment
    const nonces = new Nonces(random, config.nonceLifetime, parts.keys?.nonces)
    const tickets = new Tickets(environment.sealing, random, parts.keys?.tickets)
    const ownDebts = debts ? undefined : new GcraTable(GcraTable.memory(random))
    const ownProofs = proofs ? undefined : new Proofs()
    const strangers = new Strangers(debts ?? ownDebts!, proofs ?? ownProofs!, config.limits)
    const own: Decisions = {
      environment,
      findSigner: signerFinder(environment.authenticate),
      nonces,
      tickets,
      strangers,
      meters,
    }
    const lastId = parts.lastId ?? drawId(random)
    this.#witness = witness
    this.#state = {
      ...(witness?.began(own, config, lastId) ?? own),
      config,
      book: new Book(lastId, lifetimes, random),
      buckets: buckets ?? new Buckets(meters, config.limits),
      counters,
      scans: new Scans(),
      pace: new RequestPace(),
      stores: { nonces, tickets, strangers, debts: ownDebts, proofs: ownProofs },
      draining: false,
      isShortOfMemory: false,
      unconfigured: new Set(),
      withheldUntil: 0 as Time,
    }
  }

  /** Takes one input; returns what must now be done, in order. Never throws on network input. */
  handle(input: Input, now: Time): Command[] {
    const commands = this.#handle(input, now)
    this.#witness?.handled(input, now, commands)
    return commands
  }

  #handle(input: Input, now: Time): Command[] {
    const state = this.#state
    switch (input.kind) {
      case 'datagram':
        state.counters.add(Counter.passed)
        return input.via === 'relay' ? this.#fromPeer(input, now) : this.#fromClient(input, now)
      case 'opened':
        return opened(state, input, now)
      case 'refused':
        return refused(state, input)
      case 'unreachable':
        return unreachable(state, input, now)
      case 'routes-ended':
        return routesEnded(state, input)
      case 'hangup':
        return [...state.book.on(input.socket)].flatMap(allocation =>
          hungUp(state, allocation, input.socket, now),
        )
      case 'revoke': {
        const allocation = state.book.byId.get(input.allocation)
        return allocation ? close(state, allocation, input.reason, now) : []
      }
      case 'drain':
        state.draining = input.on
        return []
      case 'memory':
        state.isShortOfMemory = input.isShort
        return []
      case 'configure':
        configure(state, input.config)
        return proceed(state, now)
      case 'restore':
        return restorePart(state, input.part, now)
      case 'tick':
        return sweep(state, now)
      case 'continue':
        return proceed(state, now)
    }
  }

  /**
   * Writes down everything the relay knows: its state at one moment, if it is
   * handed no input until the end. Yields about every millisecond, while
   * forwarders go on. The configuration is not in it. It holds secrets, which
   * `withoutSecrets` cuts off for a disk.
   *
   * A fresh relay takes it over by inputs `restore`, a part at a time, as
   * `readSnapshot` gives them.
   */
  snapshot(now: Time, carried: CarriedBy = allocation => allocation): Generator<undefined, Buffer> {
    return writeSnapshot(this.#state, carried, now)
  }

  /** Those that are still opening included. */
  allocations(): Iterable<Readonly<Allocation>> {
    return this.#state.book.byId.values()
  }

  *openAllocations(): Iterable<Readonly<OpenAllocation>> {
    for (const allocation of this.allocations()) if (allocation.state === 'open') yield allocation
  }

  /** When the last relayed address of an allocation ends, if nobody refreshes it. */
  expires(allocation: Readonly<OpenAllocation>): Time {
    const { lifetimes } = this.#state.book
    return Math.max(...allocation.legs.map(leg => lifetimes.until(leg.lifetime))) as Time
  }

  /** The routes of an allocation. */
  *routes({ peers }: Readonly<OpenAllocation>): Iterable<RouteId> {
    const { book } = this.#state
    for (const row of book.peers.of(peers)) if (book.peers.route(row) !== NO_ROUTE) yield row
  }

  /** Whom a datagram stands for where senders take turns: the user of its allocation, else its network's customer. */
  senderOf({ via, socket, from }: Input & { kind: 'datagram' }): string {
    const { book } = this.#state
    const allocation = via === 'relay' ? book.bySocket.get(socket)?.allocation : book.of(socket, from)
    // The key of a user never begins so.
    return allocation?.user.key ?? `\0${customerKey(from.ip)}`
  }

  /** Whether an allocation belongs to the 5-tuple that a datagram came by. */
  hasAllocation({ socket, from }: Input & { kind: 'datagram' }): boolean {
    return this.#state.book.of(socket, from) !== undefined
  }

  /** Counts datagrams that had to wait and were dropped for others. */
  countCrowdedOut(count: number): void {
    this.#state.counters.add(Counter.dropBacklog, count)
  }

  get draining(): boolean {
    return this.#state.draining
  }

  /** How many things are held, by kind. For tests and for the operator's status. */
  sizes(): Readonly<Record<string, number>> {
    return this.#state.book.sizes()
  }

  #fromPeer(input: Input & { kind: 'datagram' }, now: Time): Command[] {
    const relayed = this.#state.book.bySocket.get(input.socket)
    if (!relayed) return this.#drop(Counter.dropNoAllocation)
    return fromPeer(this.#state, relayed, input.from, input.bytes, now)
  }

  #fromClient(input: Input & { kind: 'datagram' }, now: Time): Command[] {
    const { socket, from, via, bytes } = input
    if (bytes.length === 0) return this.#drop(Counter.dropNotStun)
    const kind = demultiplex(bytes[0]!)
    if (kind === 'channel') {
      const allocation = this.#state.book.of(socket, from)
      if (allocation?.state !== 'open') return this.#drop(Counter.dropNoAllocation)
      const moved = speak(this.#state, allocation, socket, from, now)
      if (!moved) return this.#drop(Counter.dropNoAllocation)
      return [...moved, ...channelData(this.#state, allocation, bytes, now)]
    }
    if (kind !== 'stun') return this.#drop(Counter.dropNotStun)
    const { book, strangers } = this.#state
    if (!book.of(socket, from) && strangers.isSpent(from, via, now) && !this.#isReturning(from, bytes, now)) {
      strangers.dropped(from)
      return this.#drop(Counter.dropUnverified)
    }
    const classic = this.#state.config.classicStun && via === 'udp'
    const message = parse(bytes, { classic, most: attributesRead(this.#state.config) })
    if (message.kind === 'malformed') {
      if (message.why === 'too-many-attributes') return this.#overfull(input, now)
      return this.#drop(message.why === 'not-stun' ? Counter.dropNotStun : Counter.dropMalformed)
    }
    if (message.class === 'request') {
      const { isReferred } = input
      return this.#request(message, replyTo(message, socket, from, via, now), { isReferred })
    }
    if (message.class === 'indication' && message.method === Method.Send && !message.classic) {
      return this.#send(message, input, now)
    }
    // Binding indications keep a NAT mapping alive and want nothing; answers to nobody's question are dropped.
    return message.method === Method.Binding && message.class === 'indication'
      ? []
      : this.#drop(Counter.dropUnknownMethod)
  }

  /**
   * Answers a request that names more than is read where somebody with an
   * allocation has signed it, so that its client learns why (P-01). What else
   * is as long is dropped: RFC 8489 §9.2.5 has clients pass over an unsigned 400.
   */
  #overfull({ socket, from, via, bytes }: Input & { kind: 'datagram' }, now: Time): Command[] {
    const isOpen = this.#state.book.of(socket, from)?.state === 'open'
    const message = isOpen ? parse(bytes, { only: CREDENTIALS }) : undefined
    if (message?.kind !== 'message' || message.class !== 'request' || integrityKind(message) === undefined) {
      return this.#drop(Counter.dropMalformed)
    }
    return this.#request(message, replyTo(message, socket, from, via, now), { overfull: true })
  }

  /** Whether a datagram brings a nonce that was made for where it comes from; without parsing it, as most do not. */
  #isReturning(from: Address, bytes: Buffer, now: Time): boolean {
    if (bytes.length < SHORTEST_SIGNED) return false
    const nonce = peekNonce(bytes)
    return nonce !== undefined && this.#state.nonces.isFresh(nonce, from, now)
  }

  #send(message: Message, input: Input & { kind: 'datagram' }, now: Time): Command[] {
    const allocation = this.#state.book.of(input.socket, input.from)
    if (allocation?.state !== 'open') return this.#drop(Counter.dropNoAllocation)
    if (unknownAttributes(message).length > 0) return this.#drop(Counter.dropUnknownAttribute)
    if (message.malformed.length > 0) return this.#drop(Counter.dropMalformed)
    const moved = speak(this.#state, allocation, input.socket, input.from, now)
    if (!moved) return this.#drop(Counter.dropNoAllocation)
    return [...moved, ...send(this.#state, allocation, message, now)]
  }

  #request(message: Message, reply: ReplyTo, { overfull, isReferred }: HowItCame): Command[] {
    const state = this.#state
    const { counters } = state
    const handler = HANDLERS.get(message.method)
    const isBinding = message.method === Method.Binding && !overfull
    if (!isBinding && (!handler || message.classic)) return this.#drop(Counter.dropUnknownMethod)
    const { strangers, nonces, book } = state
    const standing = book.of(reply.socket, reply.to)
    if (isBinding) {
      if (!standing && !strangers.chargeAnswer(reply.to, reply.via, reply.at)) {
        return this.#drop(Counter.dropUnverified)
      }
      counters.add(Counter.binding)
      return checkAttributes(state, message, reply) ?? binding(state, reply, message.classic)
    }

    // In the order that `Strangers` explains.
    const isFresh = nonces.isFresh(get(message, NONCE) ?? '', reply.to, reply.at)
    const isSigned = integrityKind(message) !== undefined
    const isReturning = isFresh && isSigned
    if (!standing && !isReturning && !strangers.chargeAnswer(reply.to, reply.via, reply.at, isSigned)) {
      return this.#drop(Counter.dropUnverified)
    }
    const { counter, handle } = handler!
    const { requestsPerUserPerSecond: perSecond } = state.config.limits
    if (isSigned && state.pace.isSpent(reply, perSecond, standing?.identity.owner))
      return this.#drop(Counter.dropRequests)
    const moving = nameByTicket(state, message)
    const isElsewhere = moving && !standing && !isReferred && isReturning && mayBeElsewhere(state, moving)
    if (isElsewhere) return refer(state, message, reply, moving.ticket.allocation)
    counters.add(counter)
    const known = knownBehind(state, standing, moving?.allocation, reply.at)
    const proof = authenticate(state, message, reply, known, isFresh)
    if (proof.kind === 'refused') {
      // What was let through for the sake of a call, or of its nonce, has not proved itself after all.
      const isUnpaid = proof.wrong && (standing || isReturning)
      if (isUnpaid && !strangers.chargeAnswer(reply.to, reply.via, reply.at))
        return this.#drop(Counter.dropUnverified)
      return proof.commands
    }
    if (!state.pace.take(proof.identity.owner, partsOf(message, moving?.allocation), reply, perSecond))
      return this.#drop(Counter.dropRequests)
    if (overfull) {
      const detail = `more than ${attributesRead(state.config)} attributes`
      return reject(proof.reply, { code: 400, why: 'bad-request', detail }, state.config, counters)
    }
    const request: Request = { message, identity: proof.identity, reply: proof.reply }
    const refusal = checkAttributes(state, message, proof.reply)
    if (refusal) return refusal
    // What has lapsed since the last sweep must not be refreshed back to life.
    const meant = moving?.allocation ?? standing
    const lapsed = meant?.state === 'open' ? lapseFor(state, meant, reply.at) : []
    return [...lapsed, ...handle(state, request)]
  }

  #drop(counter: number): Command[] {
    this.#state.counters.add(counter)
    return []
  }
}

interface HowItCame {
  /** Only its credentials have been read. */
  readonly overfull?: true
  readonly isReferred?: true | undefined
}

/** What authentication asks for; integrity is read in any case. */
const CREDENTIALS: ReadonlySet<number> = new Set(
  [USERNAME, USERHASH, REALM, NONCE, PASSWORD_ALGORITHM, PASSWORD_ALGORITHMS].map(({ type }) => type),
)
/** Attributes that a CreatePermission has beside its peers. */
const BESIDE_PEERS = 16

/** How many attributes of a message are read: a CreatePermission may name as many peers as may be permitted. */
function attributesRead({ limits }: RelayConfig): number {
  return Math.max(MAX_ATTRIBUTES, limits.permissionsPerAllocation + BESIDE_PEERS)
}

/** Whose signature a request is expected to have: that of the user whose allocation it names, or stands on. */
function knownBehind(
  state: RelayState,
  standing: Allocation | undefined,
  moving: Allocation | undefined,
  now: Time,
): Known | undefined {
  const allocation = moving ?? standing
  if (!allocation || hasEnded(state, allocation, now)) return undefined
  return { identity: allocation.identity, isStanding: allocation === standing }
}

/** What a request makes work with: its attributes, and the routes of an allocation whose client moves. */
function partsOf({ attributes }: Message, moving: Allocation | undefined): number {
  return attributes.length + (moving?.state === 'open' ? moving.peers.size : 0)
}

/** Octets of the shortest request that is signed: header, a name of one octet, realm, nonce, integrity. */
const SHORTEST_SIGNED = 20 + 8 + 8 + 36 + 24

/** See `Input`. What allocations hold is judged by the new configuration in turns, see `proceed`. */
function configure(state: RelayState, config: RelayConfig): void {
  state.config = config
  state.nonces.configure(config.nonceLifetime)
  state.buckets.configure(config.limits)
  state.strangers.configure(config.limits)
  state.unconfigured = new Set(state.book.byId.keys())
}

/** Refuses unknown comprehension-required attributes with 420 and broken ones with 400 (RFC 8489 §6.3.1). */
function checkAttributes(state: RelayState, message: Message, reply: ReplyTo): Command[] | undefined {
  const unknown = unknownAttributes(message)
  if (unknown.length > 0) {
    const detail = `attributes ${unknown.map(type => `0x${type.toString(16).padStart(4, '0')}`).join(', ')}`
    const refusal = { code: 420 as const, why: 'unknown-attribute' as const, detail, unknown }
    return reject(reply, refusal, state.config, state.counters)
  }
  // Binding uses none of the attributes that we know, and what is not used is ignored.
  if (message.method === Method.Binding) return undefined
  const broken = message.malformed.find(type => type < 0x8000 || type === ADDITIONAL_ADDRESS_FAMILY.type)
  if (broken === undefined) return undefined
  const detail = `attribute 0x${broken.toString(16).padStart(4, '0')} is malformed`
  return reject(reply, { code: 400, why: 'bad-request', detail }, state.config, state.counters)
}

/** Comprehension-required types that this server does not understand, each once. */
function unknownAttributes(message: Message): number[] {
  const unknown = new Set<number>()
  for (const { type, value } of message.attributes) {
    if (type >= 0x8000 || UNDERSTOOD.has(type)) continue
    // A classic CHANGE-REQUEST without flags asks for nothing.
    const isIdle = message.classic && type === CHANGE_REQUEST.type && value.every(octet => octet === 0)
    if (!isIdle) unknown.add(type)
  }
  for (const type of message.malformed) if (type < 0x8000 && !UNDERSTOOD.has(type)) unknown.add(type)
  return [...unknown]
}

const HANDLERS: ReadonlyMap<
  number,
  { readonly counter: number; readonly handle: (state: RelayState, request: Request) => Command[] }
> = new Map([
  [Method.Allocate as number, { counter: Counter.allocateRequest, handle: allocate }],
  [Method.Refresh, { counter: Counter.refreshRequest, handle: refresh }],
  [Method.CreatePermission, { counter: Counter.createPermissionRequest, handle: createPermission }],
  [Method.ChannelBind, { counter: Counter.channelBindRequest, handle: channelBind }],
])
