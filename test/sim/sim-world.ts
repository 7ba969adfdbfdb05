import {
  type Address,
  address,
  type Family,
  formatIp,
  parseAddress,
  readRecord,
  writeRecord,
} from '../../src/base/address.ts'
import { type Batch, createBatch, HEADROOM, PASS, SEND } from '../../src/base/batch.ts'
import type { FiveTuple } from '../../src/base/five-tuple.ts'
import type { AllocationId, SocketId } from '../../src/base/ids.ts'
import type { Clock, Time } from '../../src/base/time.ts'
import { isStream, type Via } from '../../src/base/via.ts'
import type { Claim, Referral } from '../../src/core/command.ts'
import type { Event, Owner } from '../../src/core/event.ts'
import type { Refused } from '../../src/core/input.ts'
import type { RelaySocket } from '../../src/core/relay-socket.ts'
import type { Inbox, Sockets, World } from '../../src/shard/world.ts'
import type { Dice } from './random.ts'
import type { SimNet } from './sim-net.ts'
import type { Timeline } from './timeline.ts'

export interface SimWorldOptions {
  /** Families that relay sockets can be bound in. */
  readonly relayFamilies: readonly Family[]
  /** Ports that relay sockets may have, both ends included. */
  readonly ports: readonly [number, number]
  /** Relay ports that all allocations share, in place of `ports`; none by default. */
  readonly sharedPorts?: readonly number[]
  /** Allocations and reservations a user may have at once. */
  readonly allocationsPerUser: number
  /** Milliseconds that binding a relay socket takes. */
  readonly openDelay: number
  /** Datagrams that may come in one batch. */
  readonly batching: number
}

/** Ends a stream connection at the client's side. */
export interface Connection {
  readonly client: Address
  /** A frame from the server. */
  readonly receive: (bytes: Buffer) => void
  /** The server hung up. */
  readonly closed: () => void
}

interface Open {
  readonly via: Via
  readonly local: Address
  readonly connection?: Connection
}

/** Addresses of the simulated server. */
export const RELAY_IP = { 4: '203.0.113.1', 6: '2001:db8:cafe::1' } as const
/** Octets of the longest UDP payload. */
const LONGEST = 65_507
const BATCH = 16
/** Lent to one world at a time, as it is used up before `#deliver` returns; a megabyte for each would be slow. */
const SLAB = createBatch(BATCH, LONGEST)
// What is not written must not be taken for zero.
SLAB.bytes.fill(0xee)

/** What a shard may do, on a simulated network in simulated time. */
export class SimWorld implements World {
  readonly clock: Clock
  readonly sockets: Sockets
  /** IP addresses that are not served, as they are written. */
  readonly denied = new Set<string>()
  /** Everything the shard told. */
  readonly events: Event[] = []
  /** Every datagram that left a relay socket, first to last. */
  readonly toPeers: {
    readonly from: Address
    readonly to: Address
    readonly bytes: Buffer
    readonly dontFragment: boolean
  }[] = []
  /** Datagrams to our own relayed addresses that would have needed hairpin NAT. */
  hairpins = 0
  /** Milliseconds that work has taken so far; without it the shard does everything in no time. */
  worked = 0
  /** Claims, and how they ended. */
  readonly claims: Claim[] = []
  /** Answered as `opened` or `refused`. */
  settled = 0
  /** Allocations and reservations that count against each owner's quota. */
  readonly held = new Map<string, number>()
  /** 5-tuples that the shard took and left, first to last. */
  readonly hosted: { readonly client: FiveTuple; readonly on: boolean }[] = []
  /** What becomes of requests that another shard is to answer. */
  onReferral: (referral: Referral) => void = () => {}
  readonly #inbox: Inbox
  readonly #refusals: Refused[] = []
  readonly #net: SimNet
  readonly #timeline: Timeline
  readonly #roll: Dice
  readonly #options: SimWorldOptions
  readonly #open = new Map<SocketId, Open>()
  /** Whose quota a reserved port counts against. */
  readonly #reserved = new Map<SocketId, Owner>()
  /** Sockets that were closed while their batch was under way; what is still in it may name them. */
  readonly #justClosed = new Map<SocketId, Via>()
  readonly #waiting: { readonly socket: SocketId; readonly from: Address; readonly bytes: Buffer }[] = []
  readonly #failures: { readonly family: Family | undefined }[] = []
  #sockets = 0
  /** Ids that may be given out again, longest free first. */
  readonly #free: SocketId[] = []

  constructor(inbox: Inbox, net: SimNet, timeline: Timeline, roll: Dice, options: SimWorldOptions) {
    this.#inbox = inbox
    this.#net = net
    this.#timeline = timeline
    this.#roll = roll
    this.#options = options
    this.clock = { now: () => (timeline.now() + this.worked) as Time }
    this.sockets = {
      via: socket => this.#justClosed.get(socket) ?? this.#expect(socket).via,
      send: batch => this.#sendBatch(batch),
      sendOne: (socket, to, bytes, dontFragment) => this.#send(socket, to, bytes, dontFragment),
      close: socket => this.#close(socket),
    }
  }

  /** Relay sockets that are open now. */
  relaySockets(): SocketId[] {
    return [...this.#open].filter(([, open]) => open.via === 'relay').map(([socket]) => socket)
  }

  /** Where a relay socket is bound. */
  local(socket: SocketId): Address {
    return this.#expect(socket).local
  }

  /** Where a socket is bound, or was; undefined once it is closed. */
  boundTo(socket: SocketId): Address | undefined {
    const open = this.#open.get(socket)
    return open && !open.connection ? open.local : undefined
  }

  /** The socket bound to a relayed address. */
  socketAt(relayed: Address): SocketId | undefined {
    for (const [socket, open] of this.#open) if (open.local.key === relayed.key) return socket
    return undefined
  }

  /** Opens a UDP listener. */
  listen(at: Address, via: Via = 'udp'): SocketId {
    const socket = this.#add({ via, local: at })
    this.#net.attach(at, (from, bytes) => this.#received(socket, from, bytes))
    return socket
  }

  /** Accepts a stream connection. */
  accept(via: Via, local: Address, connection: Connection): SocketId {
    return this.#add({ via, local, connection })
  }

  /** The client's end of a stream connection has gone. */
  hungUp(socket: SocketId): void {
    if (!this.#open.delete(socket)) return
    this.#free.push(socket)
    this.#inbox.hungUp(socket)
  }

  /** A frame came over a stream connection. */
  frame(socket: SocketId, bytes: Buffer): void {
    const open = this.#open.get(socket)
    if (open?.connection) this.#received(socket, open.connection.client, bytes)
  }

  /** Makes the next bind fail, in either family or in this one. */
  failNextBind(family?: Family): void {
    this.#failures.push({ family })
  }

  /** Makes the next claim be refused with this. */
  refuseNext(refused: Refused): void {
    this.#refusals.push(refused)
  }

  serves(client: Address): boolean {
    return !this.denied.has(formatIp(client.ip))
  }

  open(claim: Claim): void {
    this.claims.push(claim)
    if (this.#options.openDelay === 0) this.#settle(claim)
    else {
      const at = (this.#timeline.now() + this.#options.openDelay) as Time
      this.#timeline.at(at, () => this.#settle(claim))
    }
  }

  continue(): void {
    this.#timeline.at(this.#timeline.now(), () => this.#inbox.continue())
  }

  ended(_allocation: AllocationId, owner: Owner): void {
    this.#hold(owner, -1)
  }

  refer(referral: Referral): void {
    this.onReferral({ ...referral, bytes: Buffer.from(referral.bytes) })
  }

  host(client: FiveTuple, on: boolean): void {
    this.hosted.push({ client, on })
  }

  tell(event: Event): void {
    this.events.push(event)
  }

  #settle(claim: Claim): void {
    this.settled++
    const { allocation, owner } = claim
    const refusal = this.#refusals.shift()
    if (refusal) {
      this.#inbox.refused({ ...refusal, allocation })
      return
    }
    const wanted = claim.port === 'pair' ? 2 : 1
    const freed = claim.reserved && sameOwner(claim.reserved.owner, owner) ? 1 : 0
    if ((this.held.get(ownerKey(owner)) ?? 0) + wanted - freed > this.#options.allocationsPerUser) {
      // The token is used up either way, so its port goes back.
      if (claim.reserved) this.#close(claim.reserved.relay.socket)
      this.#refuse(allocation, 486, 'the user has enough')
      return
    }
    if (claim.token) {
      this.#refuse(allocation, 508, 'no shard holds a port for this token')
      return
    }
    if (claim.reserved) {
      this.#unreserve(claim.reserved.relay.socket)
      this.#hold(owner, 1)
      this.#inbox.opened({ allocation, relays: [claim.reserved.relay] })
      return
    }
    const relays: RelaySocket[] = []
    let reserved: RelaySocket | undefined
    let failed: { family: Family; code: 440 | 508 } | undefined
    for (const family of claim.families) {
      if (!this.#options.relayFamilies.includes(family)) {
        failed = { family, code: 440 }
        continue
      }
      const bound = this.#bind(family, claim.port)
      if (!bound) failed = { family, code: 508 }
      else {
        relays.push(bound[0]!)
        reserved = bound[1]
      }
    }
    if (relays.length === 0) {
      this.#refuse(allocation, 508, 'no port is free')
      return
    }
    this.#hold(owner, wanted)
    if (reserved) this.#reserved.set(reserved.socket, owner)
    this.#inbox.opened({
      allocation,
      relays,
      ...(failed ? { failed } : {}),
      ...(reserved ? { reserved } : {}),
    })
  }

  #refuse(allocation: AllocationId, code: 486 | 508, why: string): void {
    this.#inbox.refused({ allocation, code, why })
  }

  /** Binds one relay socket, or an even one and its odd sibling; `undefined` when no port is left. */
  #bind(family: Family, port: Claim['port']): RelaySocket[] | undefined {
    const failure = this.#failures.findIndex(one => one.family === undefined || one.family === family)
    if (failure >= 0) {
      this.#failures.splice(failure, 1)
      return undefined
    }
    const { sharedPorts } = this.#options
    if (sharedPorts) return this.#share(family, sharedPorts)
    const [low, high] = this.#options.ports
    const count = high - low + 1
    const first = Math.floor(this.#roll() * count)
    for (let i = 0; i < count; i++) {
      const candidate = low + ((first + i) % count)
      if (port !== 'any' && candidate % 2 === 1) continue
      const ports = port === 'pair' ? [candidate, candidate + 1] : [candidate]
      if (ports.some(one => one > high || this.#net.isTaken(relayAddress(family, one)))) continue
      return ports.map(one => {
        const at = relayAddress(family, one)
        return { family, socket: this.listen(at, 'relay'), address: at }
      })
    }
    return undefined
  }

  /** A relay socket that others have as well, at one of these ports. */
  #share(family: Family, ports: readonly number[]): RelaySocket[] {
    const at = relayAddress(family, ports[Math.floor(this.#roll() * ports.length)]!)
    return [{ family, socket: this.socketAt(at) ?? this.listen(at, 'relay'), address: at }]
  }

  /** Gathers what arrives at one moment into batches, as a kernel would. */
  #received(socket: SocketId, from: Address, bytes: Buffer): void {
    this.#waiting.push({ socket, from, bytes })
    if (this.#waiting.length === 1) this.#timeline.at(this.#timeline.now(), () => this.#deliver())
  }

  #deliver(): void {
    const most = Math.min(BATCH, this.#options.batching)
    while (this.#waiting.length > 0) {
      const batch = SLAB
      batch.count = 0
      for (const { socket, from, bytes } of this.#waiting.splice(0, most)) {
        // A socket may have been closed by what came before.
        if (!this.#open.has(socket) || bytes.length > LONGEST + 13) continue
        const slot = batch.count++
        const start = slot * batch.stride + HEADROOM
        bytes.copy(batch.bytes, start)
        batch.start[slot] = start
        batch.length[slot] = bytes.length
        batch.socket[slot] = socket
        batch.verdict[slot] = PASS
        writeRecord(from, batch.remote, slot * 20)
      }
      this.#justClosed.clear()
      if (batch.count > 0) this.#inbox.received(batch)
      this.#justClosed.clear()
      // Whoever kept a view of the slab finds rubbish in it.
      batch.bytes.fill(0xee, 0, batch.count * batch.stride)
    }
  }

  #sendBatch(batch: Batch): void {
    for (let slot = 0; slot < batch.count; slot++) {
      if (batch.verdict[slot] !== SEND) continue
      const start = batch.start[slot]!
      const bytes = batch.bytes.subarray(start, start + batch.length[slot]!)
      this.#send(batch.socket[slot] as SocketId, readRecord(batch.remote, slot * 20), bytes)
    }
  }

  #send(socket: SocketId, to: Address, bytes: Buffer, dontFragment = false): void {
    if (this.#justClosed.has(socket)) return
    const open = this.#expect(socket)
    if (open.connection) {
      const { receive } = open.connection
      const padded = isChannelData(bytes)
        ? Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)])
        : Buffer.from(bytes)
      this.#net.carry(() => receive(padded))
      return
    }
    if (open.via === 'relay') {
      this.toPeers.push({ from: open.local, to, bytes: Buffer.from(bytes), dontFragment })
      if (isRelayIp(to)) {
        this.hairpins++
        return
      }
    }
    this.#net.send(open.local, to, bytes)
  }

  #close(socket: SocketId): void {
    const open = this.#expect(socket)
    this.#open.delete(socket)
    this.#justClosed.set(socket, open.via)
    this.#free.push(socket)
    this.#unreserve(socket)
    if (!open.connection) this.#net.detach(open.local)
    else if (isStream(open.via)) this.#net.carry(open.connection.closed)
  }

  /** A reserved port is one no longer: its unit of the quota goes back. */
  #unreserve(socket: SocketId): void {
    const owner = this.#reserved.get(socket)
    if (!owner) return
    this.#reserved.delete(socket)
    this.#hold(owner, -1)
  }

  #add(open: Open): SocketId {
    const isFree = this.#free[0] !== undefined && !this.#justClosed.has(this.#free[0])
    const socket = isFree ? this.#free.shift()! : (++this.#sockets as SocketId)
    this.#open.set(socket, open)
    return socket
  }

  /** A shard that uses a socket it does not have is broken: fail loudly. */
  #expect(socket: SocketId): Open {
    const open = this.#open.get(socket)
    if (!open) throw new Error(`socket ${socket} is not open`)
    return open
  }

  #hold(owner: Owner, change: number): void {
    const key = ownerKey(owner)
    const held = (this.held.get(key) ?? 0) + change
    if (held < 0) throw new Error(`${key} gave back more than it had`)
    if (held === 0) this.held.delete(key)
    else this.held.set(key, held)
  }
}

function relayAddress(family: Family, port: number): Address {
  const text = family === 4 ? `${RELAY_IP[4]}:${port}` : `[${RELAY_IP[6]}]:${port}`
  return parseAddress(text)!
}

const RELAY_KEYS = new Set([4, 6].map(family => address(relayAddress(family as Family, 0).ip, 0).key))

/** True for the IP addresses that relayed addresses have. */
export function isRelayIp(to: Address): boolean {
  return RELAY_KEYS.has(address(to.ip, 0).key)
}

function isChannelData(bytes: Buffer): boolean {
  return bytes.length > 0 && bytes[0]! >= 0x40
}

function ownerKey(owner: Owner): string {
  return `${owner.tenant}/${owner.user}`
}

function sameOwner(a: Owner, b: Owner): boolean {
  return ownerKey(a) === ownerKey(b)
}
