import type { Family } from '../base/address.ts'
import type { Seconds } from '../base/time.ts'
import { familyCode } from '../wire/address-shapes.ts'
import {
  ADDITIONAL_ADDRESS_FAMILY,
  DONT_FRAGMENT,
  EVEN_PORT,
  LIFETIME,
  MOBILITY_TICKET,
  REQUESTED_ADDRESS_FAMILY,
  REQUESTED_TRANSPORT,
  RESERVATION_TOKEN,
} from '../wire/attributes.ts'
import type { MessageWriter } from '../wire/message.ts'

/** What an Allocate request asks for. */
export interface AllocateOptions {
  readonly lifetime?: number
  /** REQUESTED-ADDRESS-FAMILY; absent, the server gives IPv4 (RFC 8656 §7.2). */
  readonly family?: Family
  /** ADDITIONAL-ADDRESS-FAMILY: IPv4 and IPv6 in one allocation. */
  readonly dual?: boolean
  readonly port?: 'any' | 'even' | 'pair'
  readonly reservation?: Buffer
  readonly dontFragment?: boolean
  /** Asks for a ticket with which the allocation can be moved to another 5-tuple (RFC 8016). */
  readonly mobility?: boolean
  /** IP protocol number towards peers; 17 unless said otherwise. */
  readonly transport?: number
}

/** REQUESTED-TRANSPORT for UDP: the IP protocol number. */
const UDP = 17

/** Writes what an Allocate request asks for (RFC 8656 §7.1). */
export function writeAllocate(writer: MessageWriter, options: AllocateOptions): void {
  const { lifetime, family, port, reservation } = options
  writer.set(REQUESTED_TRANSPORT, options.transport ?? UDP)
  if (lifetime !== undefined) writer.set(LIFETIME, lifetime as Seconds)
  if (family) writer.set(REQUESTED_ADDRESS_FAMILY, familyCode(family))
  if (options.dual) writer.set(ADDITIONAL_ADDRESS_FAMILY, familyCode(6))
  if (port === 'even' || port === 'pair') writer.set(EVEN_PORT, port === 'pair')
  if (reservation) writer.set(RESERVATION_TOKEN, reservation)
  if (options.mobility) writer.set(MOBILITY_TICKET, Buffer.alloc(0))
  if (options.dontFragment) writer.set(DONT_FRAGMENT, true)
}
