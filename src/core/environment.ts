import type { Address, PeerAddress, RelayedAddress, WireAddress } from '../base/address.ts'
import type { AllocationId } from '../base/ids.ts'
import type { Random, Time } from '../base/time.ts'
import type { Authenticate } from './candidate.ts'

/** How a peer may be reached. `local`: only as a live relayed address of this server, inside the process. */
export type Reach = 'yes' | 'local' | 'no'

/**
 * What the relay asks while it handles an input because it cannot know it: the
 * answers depend on chance, on the clock, on the operator's secrets, or on what
 * other threads have just done. Every answer is a plain value, so a recording
 * keeps them beside the input and a replay gives them again.
 */
export interface Environment {
  readonly random: Random
  /**
   * What the wall clock shows at a moment: what the expiry inside a user name is
   * compared with. The machine's may be set or stepped, `Time` never is.
   */
  wall(at: Time): Time
  /** Decides by IP address (canonical) and port; the deny lists are compiled into it. */
  reach(peer: PeerAddress): Reach
  readonly authenticate: Authenticate
  /** Seals tickets (RFC 8016 §5). */
  readonly sealing: Sealing
  /** What other shards of this server hold; absent where there is only one. */
  readonly siblings?: Siblings
  /** How to reach programs of this machine; absent where nobody asks. */
  readonly host?: Host
}

/** Authenticated encryption of single blocks of 16 octets, of which no two may be alike, with keys of 64. */
export interface Sealing {
  /** 32 octets. */
  seal(key: Uint8Array, block: Uint8Array): Buffer
  /** The block; `undefined` where the octets were not sealed with this key. */
  open(key: Uint8Array, sealed: Uint8Array): Buffer | undefined
}

/**
 * The relayed addresses of the other shards. A datagram between two shards goes
 * through the kernel from one relay socket to the other, by the addresses they
 * are bound to, which behind 1:1 NAT are not those that peers see.
 */
export interface Siblings {
  /** Where to send for this relayed address, if another shard holds it just now. */
  wire(peer: PeerAddress): WireAddress | undefined
  /** The relayed address whose socket is bound here, if another shard holds it just now. */
  relayed(from: Address): RelayedAddress | undefined
  /** Whether this may be the RESERVATION-TOKEN of a port that is held for all shards; only a claim finds out. */
  mayReserve(token: Uint8Array): boolean
  /** Whether another shard may hold this allocation, which this one does not; only `refer` finds out. */
  mayHold(allocation: AllocationId): boolean
  /**
   * Charges a user, by `ownerKey`, for so many peers that are new to this
   * shard; false, and none charged, where all shards have seen too many of
   * them.
   */
  chargePeers(user: string, peers: number, most: number, now: Time): boolean
}

/** `sameHost` is a list of ports at addresses that are relayed from, `allow` one of addresses. */
export type HostKey = 'sameHost' | 'allow'

/**
 * Programs of this machine at its relay addresses, such as a media server.
 * Clients know them by the public address; sockets are bound to the local one,
 * which behind 1:1 NAT is another.
 */
export interface Host {
  /** Where to send for a peer at a public relay address, if that is elsewhere. */
  wire(peer: PeerAddress): WireAddress | undefined
  /** How clients know what comes from a local relay address, if by another. */
  peer(from: Address): PeerAddress | undefined
  /** Whether an IP address is one that this server relays from, as peers see it. */
  isRelayed(ip: Uint8Array): boolean
  /**
   * The key under `peers` that would open a closed port of this machine;
   * undefined for other machines, and for our own listeners.
   */
  keyFor(peer: PeerAddress): HostKey | undefined
}
