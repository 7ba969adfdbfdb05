import type { Address } from '../../base/address.ts'
import type { SocketId } from '../../base/ids.ts'

/** A listening TCP socket that is let go of without being closed. */
export interface GivenListener {
  readonly transport: 'tcp' | 'tls'
  readonly address: Address
  readonly proxy?: boolean
  readonly web?: boolean
  readonly fd: number
}

/** What was half read and half written of a connection when another process went on with it. */
export type ConnectionRest = Pick<GivenConnection, 'id' | 'unread' | 'unsent' | 'dropped'>

/** A plain TCP connection that is let go of: its descriptor, and what is half read and half written. */
export interface GivenConnection {
  readonly fd: number
  readonly remote: Address
  /** By which the shard knows it; absent where no frame has begun. */
  readonly id?: SocketId
  /** Accepted on a port that takes nothing but TLS. */
  readonly tlsOnly: boolean
  /** Octets that were read and do not make a whole frame yet. */
  readonly unread: Uint8Array
  /** Octets that were written and that the kernel has not taken yet. */
  readonly unsent: Uint8Array
  /** Frames that the client did not get since it reads too slowly. */
  readonly dropped: number
}
