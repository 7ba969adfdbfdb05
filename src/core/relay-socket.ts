import type { Family, RelayedAddress } from '../base/address.ts'
import type { SocketId } from '../base/ids.ts'
import type { RelayConfig } from './config.ts'

/** A relay socket that the world has bound for one family of an allocation. */
export interface RelaySocket {
  readonly family: Family
  readonly socket: SocketId
  /** The relayed address as peers see it (the public one behind 1:1 NAT). */
  readonly address: RelayedAddress
}

/** Why one family of a claim could not be had (ADDRESS-ERROR-CODE, RFC 8656 §18.12). */
export interface FailedFamily {
  readonly family: Family
  readonly code: 440 | 508
}

/** Whether many allocations may have a relay socket, which is then never closed with one of them. */
export function isShared({ sharedPorts }: RelayConfig, { address }: RelaySocket): boolean {
  return sharedPorts?.includes(address.port) ?? false
}
