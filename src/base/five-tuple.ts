import type { ClientAddress } from './address.ts'
import type { SocketId } from './ids.ts'
import type { Via } from './via.ts'

/** A client's address and the socket it talks to, which stands for the server's. */
export interface FiveTuple {
  readonly socket: SocketId
  readonly address: ClientAddress
  readonly via: Via
}

/** The socket of a client whose connection is gone: none has this id. */
export const NOWHERE = 0 as SocketId
