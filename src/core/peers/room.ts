import type { Time } from '../../base/time.ts'
import type { OpenAllocation } from '../allocation.ts'
import type { Book } from '../book.ts'
import type { CapacityCause } from '../event.ts'
import type { SharedPort } from '../one-port/shared-port.ts'
import type { RelayState } from '../relay-state.ts'

/** Why there is no room; `detail` is the configuration's key where it is a limit of the operator's. */
export interface NoRoom {
  readonly detail: string
  readonly cause: CapacityCause
}

/** Why nobody may open an allocation: memory that is nearly full. */
export function noMemory(state: RelayState): NoRoom | undefined {
  return state.isShortOfMemory ? { detail: 'memory is nearly full', cause: 'memory' } : undefined
}

/** Why an allocation may not have that many more permissions: its own limit, the user's, that of all, or memory. */
export function noPermissions(
  state: RelayState,
  allocation: OpenAllocation,
  fresh: number,
): NoRoom | undefined {
  const { permissionsPerAllocation, permissionsPerUser, permissions } = state.config.limits
  if (allocation.permissions.size + fresh > permissionsPerAllocation) {
    return { detail: 'too many permissions on one allocation', cause: 'permissions' }
  }
  if (allocation.user.permissions + fresh > permissionsPerUser) {
    return { detail: 'limits.permissionsPerUser', cause: 'user-share' }
  }
  if (state.book.permissions.size + fresh > permissions) {
    return { detail: 'limits.permissions', cause: 'peers-in-all' }
  }
  return noMemory(state)
}

/** The same for one more channel. */
export function noChannel(state: RelayState, allocation: OpenAllocation): NoRoom | undefined {
  const { channelsPerAllocation, channelsPerUser, channels } = state.config.limits
  if (allocation.channels >= channelsPerAllocation) {
    return { detail: 'too many channels on one allocation', cause: 'channels' }
  }
  if (allocation.user.channels >= channelsPerUser) {
    return { detail: 'limits.channelsPerUser', cause: 'user-share' }
  }
  if (state.book.channels >= channels) return { detail: 'limits.channels', cause: 'peers-in-all' }
  return noMemory(state)
}

/** Whether a peer without a channel may have a route of its own: without one the core relays for it, more slowly. */
export function hasRouteRoom(state: RelayState): boolean {
  const { book, config } = state
  return !state.isShortOfMemory && book.peers.size - book.channels < config.limits.permissions
}

/** Adds a permission, for an IP address that has none. */
export function addPermission(book: Book, allocation: OpenAllocation, ip: Uint8Array, until: Time): void {
  book.permissions.add(allocation.permissions, allocation.row, ip, until)
  allocation.user.permissions++
  portFor(book, allocation, ip)?.interests.add(allocation.id, ip)
}

/** `port` is that of the leg, where the allocation has that no longer. */
export function removePermission(
  book: Book,
  allocation: OpenAllocation,
  row: number,
  port?: SharedPort,
): void {
  const { permissions } = book
  const ip = permissions.ip(row)
  const until = book.lifetimes.until(permissions.lifetime(row))
  const shared = port ?? portFor(book, allocation, ip)
  shared?.interests.remove(allocation.id, ip, until)
  permissions.remove(allocation.permissions, row)
  allocation.user.permissions--
}

/** The shared port by which an allocation reaches an IP address, if it has such a one. */
function portFor({ sharedPorts }: Book, { legs }: OpenAllocation, ip: Uint8Array): SharedPort | undefined {
  if (sharedPorts.size === 0) return undefined
  const leg = legs.find(({ relay }) => relay.family === (ip.length === 4 ? 4 : 6))
  return leg && sharedPorts.get(leg.relay.socket)
}

/** Counts a channel that an allocation has got, or, with -1, lost. */
export function countChannel(book: Book, allocation: OpenAllocation, by: 1 | -1): void {
  allocation.channels += by
  allocation.user.channels += by
  book.channels += by
}
