import type { Counters } from '../base/counters.ts'
import type { Meters } from '../limits/meters.ts'
import type { AddressTable } from './address-table.ts'
import type { ChannelTable } from './channel-table.ts'
import type { DataIndicationRows } from './data-indication.ts'
import type { RouteRows } from './route-rows.ts'
import type { SendIndication } from './send-indication.ts'

/** What `RouteTable` keeps, and the functions that relay read. */
export interface Tables {
  readonly rows: RouteRows
  /** By socket and origin: a client's number + 1, or -(row + 1) of the route on which a peer sends. */
  readonly arrivals: AddressTable
  /** By client number and peer: a route's row + 1. */
  readonly destinations: AddressTable
  /** By client number and channel number: a route's row + 1. */
  readonly channels: ChannelTable
  readonly counters: Counters
  readonly meters: Meters
  readonly sent: SendIndication
  readonly indication: DataIndicationRows
}
