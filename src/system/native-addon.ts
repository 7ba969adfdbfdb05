import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { failed, type Result, succeeded } from '../base/result.ts'

/** What the addon exports. Numbers below 0 are a negated errno. */
export interface NativeAddon {
  /**
   * Opens an epoll over any number of sockets. `wake` is called when one of them
   * has something to read; where many datagrams come, at intervals instead, so
   * that none waits longer than `longestWait` microseconds. 0: never at intervals.
   */
  open(layout: NativeLayout, wake: () => void, longestWait: number): NativeSockets
  /**
   * Binds a socket that nobody reads yet, UDP unless told otherwise; the record
   * gets the address it was given. Returns a descriptor.
   */
  listen(record: Uint8Array, flags: number, receiveBuffer: number, sendBuffer: number): number
  duplicate(fd: number): number
  release(fd: number): void
  /** Sends a datagram to a Unix socket, with copies of descriptors, 8 at most. */
  notify(path: string, text: string, descriptors?: Int32Array): number
  /** Bits: 1 for UDP_GRO that can be trusted, 2 for UDP_SEGMENT. */
  features(): number
  /**
   * Opens the kernel's routing tables; a negated errno where it will not.
   * `wake` is called when they may have changed.
   */
  routes(wake: () => void): NativeRoutes | number
  /**
   * Starts a thread that passes octets between pairs of connected TCP sockets, as they are. `news` is a descriptor of
   * a stream that gets an octet when a pair has ended; it is the thread's from then on.
   */
  passages(news: number): NativePassages | number
  /**
   * bpf(2): `attr` is its argument as octets. At each offset in `pointers`
   * stands the address of the buffer of the same number. Returns what it returns.
   */
  bpf(command: number, attr: Uint8Array, pointers: Uint32Array, buffers: readonly Uint8Array[]): number
  /**
   * The first octets of a file of `memory`, which must have them, or of a map made with BPF_F_MMAPABLE, as memory that
   * is shared with all who have it; a negated errno where the kernel will not.
   */
  mapMemory(fd: number, octets: number): ArrayBuffer | number
  /** Hands copies of descriptors, 253 at most, over a Unix socket. */
  sendDescriptors(socket: number, descriptors: Int32Array): number
  /** Connects to a Unix socket and waits a second at most for descriptors, as many as fit. Returns the connection. */
  receiveDescriptors(path: string, into: Int32Array): number
  /** Takes the descriptors of a message that has arrived on a Unix socket: just as many as fit, or an error. */
  takeDescriptors(socket: number, into: Int32Array): number
  /**
   * Makes two Unix sockets. Descriptors that one has sent and nobody has taken
   * stay open for as long as the other one is.
   */
  socketPair(into: Int32Array): number
  /** Makes a file that is in memory and has no name, of a fixed length unless that is 0. Returns a descriptor. */
  memory(octets: number): number
  /** The user id of the process at the other end of a Unix socket. */
  peerUser(socket: number): number
  /** Sends a message to NETLINK_ROUTE. Returns the octets of what the kernel answers first. */
  netlink(request: Uint8Array, answer: Uint8Array): number
  readonly stateWords: number
}

export interface NativeRoutes {
  /**
   * Whether this machine itself takes UDP to the address in the record, from that in `source`, with a TOS octet: 1 or
   * 0. A port or an address of zeros is not asked for.
   */
  deliversHere(record: Uint8Array, source?: Uint8Array, tos?: number): number
  /** Writes what rules of routing go by, three words each (native/routes.h). Returns how many, or a negated errno. */
  rules(words: Uint32Array): number
  /** Whether anything has changed since the last call: 1 or 0. */
  changed(): number
  stop(): void
}

export interface NativePassages {
  /** Begins with duplicates of two descriptors, which nobody else may read. Returns a number for the pair. */
  carry(one: number, other: number): number
  /** Writes how many octets came from each side, modulo 2^32. */
  moved(pair: number, words: Uint32Array): number
  /**
   * Writes of pairs that have ended since, four words each: number, errno or 0, and what came from each side. Returns
   * how many. The number is taken until it is released.
   */
  ended(words: Uint32Array): number
  /** Lets go of both duplicates. */
  release(pair: number): void
  stop(): void
}

/** Typed arrays that both sides see. A batch, and what goes with it. */
export interface NativeLayout {
  readonly bytes: Uint8Array
  readonly start: Uint32Array
  readonly length: Uint32Array
  readonly socket: Uint32Array
  readonly remote: Uint8Array
  readonly verdict: Uint8Array
  /** TTL or hop limit of each datagram as it arrived; 0 where unknown. */
  readonly ttl: Uint8Array
  /** DSCP and ECN of each datagram as it arrived. */
  readonly tos: Uint8Array
  /** ICMP errors, `ERROR_WORDS` each. */
  readonly errors: Uint32Array
  /** Where the datagrams that caused them were going, a record each. */
  readonly errorPeers: Uint8Array
  readonly state: Uint32Array
  /**
   * One more than the descriptor of each socket, by id; 0 where there is none. In memory of another thread the sockets
   * outlive this one, unless it closes them or calls `stop`. May be empty.
   */
  readonly kept: Uint32Array
  /** One address record: the argument of `bind` and `sendOne`, and the result of `bind`. */
  readonly scratch: Uint8Array
}

export interface NativeSockets {
  /** Makes a socket, or adopts `fd` if that is not below 0. */
  bind(id: number, fd: number, flags: number, receiveBuffer: number, sendBuffer: number): number
  close(id: number): void
  /** Lets go of a socket and returns its descriptor, which is the caller's from now on. */
  give(id: number): number
  /** Has nothing wake the transport, or what has arrived meanwhile. */
  pause(on: boolean): void
  /** Fills the batch; returns how many datagrams it holds. */
  receive(): number
  /** Sends the slots marked SEND of a batch. Returns how many were lost. */
  send(batch: number, count: number): number
  sendOne(id: number, bytes: Uint8Array, dontFragment: boolean): number
  /** Makes another batch known to `send`. Returns its number. */
  lend(
    batch: Omit<NativeLayout, 'ttl' | 'tos' | 'errors' | 'errorPeers' | 'state' | 'kept' | 'scratch'>,
  ): number
  stop(): void
}

/** Flags of `bind` and `listen`; `stream` is for `listen` alone. */
export const BindFlag = {
  reusePort: 1,
  v6only: 2,
  errors: 4,
  ttl: 8,
  tos: 16,
  gro: 32,
  apart: 64,
  stream: 128,
} as const

export const NativeFeature = { gro: 1, gso: 2 } as const

/** Words of one ICMP error: socket, errno × 256 + origin, type × 256 + code, information. */
export const ERROR_WORDS = 4

/**
 * Words of `NativeLayout.state`. Five of them, from `receives` on, count since
 * the start, modulo 2^32. `period`: microseconds.
 */
export const State = {
  errors: 0,
  more: 1,
  lostQueue: 2,
  lostTooLong: 3,
  lostFailed: 4,
  buffer: 5,
  receives: 6,
  received: 7,
  sends: 8,
  sent: 9,
  bursts: 10,
  period: 11,
} as const

let loaded: Result<NativeAddon, string> | undefined

/** Loads the addon built for this machine, once, or says in a clause why not. */
export function loadAddon(): Result<NativeAddon, string> {
  loaded ??= load()
  return loaded
}

function load(): Result<NativeAddon, string> {
  if (process.platform !== 'linux')
    return failed(`the native transport is for Linux, not ${process.platform}`)
  const path = findPackaged(`prebuilds/linux-${process.arch}/taciturn.node`)
  if (!path) return failed(`no native transport was built for linux-${process.arch}`)
  try {
    const addon = createRequire(import.meta.url)(path) as NativeAddon
    if (addon.stateWords !== Object.keys(State).length) return failed(`${path} belongs to another version`)
    return succeeded(addon)
  } catch (error) {
    return failed(`${path} cannot be loaded: ${(error as Error).message}`)
  }
}

/** Where a file of this package is: above this one, which stands in src, dist or a bench's build. */
export function findPackaged(name: string): string | undefined {
  return ['../../', '../../../']
    .map(up => fileURLToPath(new URL(up + name, import.meta.url)))
    .find(path => existsSync(path))
}
