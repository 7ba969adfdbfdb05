import type { Status } from '../control/view.ts'
import type { ConsoleWords } from './words.ts'

/** A limit and how much of it is used. */
export interface Limit {
  readonly key: string
  readonly name: string
  readonly used: number
  readonly limit: number
  readonly share: number
}

/** Everything that can run out. */
export function limits(status: Status, { say }: ConsoleWords): Limit[] {
  const list: Limit[] = []
  const add = (key: string, name: string, used: number, limit: number) => {
    if (limit > 0) list.push({ key, name, used, limit, share: used / limit })
  }
  add('sessions', say('limit.sessions'), status.allocations.live, status.allocations.limit)
  add('ports', say('limit.ports'), status.ports.used, status.ports.total)
  if (status.web) add('web', say('limit.web'), status.web.connections, status.web.limit)
  if (status.descriptors)
    add('descriptors', say('limit.descriptors'), status.descriptors.open, status.descriptors.limit)
  for (const { name, allocations, limit } of status.homeservers)
    if (limit !== undefined) add(`homeserver ${name}`, say('limit.homeserver', { name }), allocations, limit)
  return list
}
