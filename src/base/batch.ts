import { RECORD } from './address.ts'

/** A datagram's verdict. Every forwarder uses the same three words. */
export const PASS = 0
export const SEND = 1
export const DROP = 2

/** Octets free before each payload: room for a ChannelData (4) or Data indication (48) header. */
export const HEADROOM = 64
/** Octets free behind each payload: room for the padding of a DATA attribute. */
export const TAILROOM = 8

/**
 * Up to `capacity` datagrams in one slab, described by parallel arrays; index i is slot i.
 * Lent to a callback: valid until it returns, edited in place, never kept.
 */
export interface Batch {
  readonly capacity: number
  /** The slab. Slot i owns `stride` octets from i × stride. */
  readonly bytes: Buffer
  /** The same octets, to read and write words of any alignment. */
  readonly view: DataView
  readonly stride: number
  count: number
  /** Offset in `bytes` of the first octet of datagram i. */
  readonly start: Uint32Array
  /** Octets in datagram i. */
  readonly length: Uint32Array
  /** SocketId it arrived on; once SEND, the one it leaves by. */
  readonly socket: Uint32Array
  /** RECORD octets a slot (see `base/address.ts`): where it came from; once SEND, where it goes. */
  readonly remote: Uint8Array
  /** The same octets as `remote`, five words a slot, for comparing without a loop over octets. */
  readonly remoteWords: Int32Array
  readonly verdict: Uint8Array
}

/** Allocates a batch whose slots hold datagrams of up to `octets`. */
export function createBatch(capacity: number, octets: number): Batch {
  const stride = (HEADROOM + octets + TAILROOM + 7) & ~7
  const bytes = Buffer.alloc(capacity * stride)
  const remote = new Uint8Array(capacity * RECORD)
  return {
    capacity,
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
    stride,
    count: 0,
    start: new Uint32Array(capacity),
    length: new Uint32Array(capacity),
    socket: new Uint32Array(capacity),
    remote,
    remoteWords: new Int32Array(remote.buffer),
    verdict: new Uint8Array(capacity),
  }
}
