import type { Counters } from '../base/counters.ts'
import type { Lifetimes } from '../base/lifetimes.ts'
import type { Meters } from '../limits/meters.ts'
import type { ClientRows } from './client-rows.ts'
import type { DataIndicationRows } from './data-indication.ts'
import type { RouteRows } from './route-rows.ts'
import type { SendIndication } from './send-indication.ts'

/** What `RouteTable` keeps, and the functions that relay read. */
export interface Tables {
  readonly clients: ClientRows
  readonly rows: RouteRows
  readonly lifetimes: Lifetimes
  readonly counters: Counters
  readonly meters: Meters
  readonly sent: SendIndication
  readonly indication: DataIndicationRows
}
