import { address } from '../base/address.ts'
import type { RouteId } from '../base/ids.ts'
import type { Time } from '../base/time.ts'
import type { Allocation, OpenAllocation } from './allocation.ts'
import type { Book } from './book.ts'
import { close, closeLegs } from './close.ts'
import type { Command } from './command.ts'
import { lapseArrival } from './mobility/moves.ts'
import { isAway } from './mobility/tuples.ts'
import { removePermission } from './peers/room.ts'
import { dismiss, reroute } from './peers/routes.ts'
import { reachOf } from './reach.ts'
import type { RelayState } from './relay-state.ts'
import { noteChange } from './snapshot/noting.ts'

/** What one turn may cost, in things that are looked at or withdrawn. Closing a socket counts as several. */
const TURN = 256
const CLOSING = 8
/** What has lapsed may wait, as the time is compared wherever it is used, so a turn takes half as much of it. */
const LAPSING = 2
/** Routes to other shards that are looked at in a second; the next second goes on from there. */
const STRAYS_A_SECOND = 2000

/** Clears away what has lapsed. Nothing hangs on when: whatever ends is compared with the time where it is used. */
export function sweep(state: RelayState, now: Time): Command[] {
  const { book, scans, strangers, pace } = state
  const commands: Command[] = [...strangers.report(now), ...pace.report(now)].map(event => ({
    kind: 'tell' as const,
    event,
  }))
  book.forget(now)
  book.forgetShared(now)
  scans.forget(now)
  book.beginStrays(STRAYS_A_SECOND)
  commands.push(...proceed(state, now))
  return commands
}

/**
 * Does as much as fits one turn, about a millisecond, of what there is to do
 * for many: reservations that have ended, routes to other shards, a new
 * configuration, and what has lapsed.
 */
export function proceed(state: RelayState, now: Time): Command[] {
  const { book, unconfigured } = state
  const commands: Command[] = []
  let left = TURN
  for (const [token, { relay, owner, client, expires }] of book.reservations) {
    // All live equally long, so they stand in the order in which they end.
    if (left <= 0 || expires > now) break
    left -= CLOSING
    book.reservations.delete(token)
    commands.push({ kind: 'close', socket: relay.socket })
    commands.push({ kind: 'tell', event: { kind: 'unreserved', at: now, owner, client } })
  }
  // Withdraws routes to relayed addresses that their shard no longer holds: somebody else may have the port next.
  for (let route = nextStray(book, left); route !== undefined; route = nextStray(book, left)) {
    left--
    const allocation = book.inRow(book.peers.allocation(route))
    if (allocation) commands.push(...reroute(state, allocation, book.peers.address(route), now))
  }
  for (const id of unconfigured) {
    if (left <= 0) break
    unconfigured.delete(id)
    const allocation = book.byId.get(id)
    if (allocation?.state !== 'open') continue
    left -= costOf(allocation)
    commands.push(...reconfigure(state, allocation, now))
  }
  for (const allocation of book.byId.values()) {
    if (left <= 0) break
    if (allocation.state !== 'open' || allocation.due > now) continue
    left -= LAPSING * costOf(allocation)
    commands.push(...lapse(state, allocation, now))
  }
  if (left <= 0) commands.push({ kind: 'continue' })
  return commands
}

function nextStray(book: Book, left: number): RouteId | undefined {
  return left > 0 ? book.nextStray() : undefined
}

function costOf({ permissions, peers, legs }: OpenAllocation): number {
  return legs.reduce((sum, { linked }) => sum + (linked?.size ?? 0), CLOSING + permissions.size + peers.size)
}

/** Judges what one allocation holds by the configuration in force. */
function reconfigure(state: RelayState, allocation: OpenAllocation, now: Time): Command[] {
  const { book, buckets } = state
  const { peers, permissions } = book
  const commands: Command[] = []
  const meters = buckets.take(allocation.identity.owner, now)
  const old = allocation.meters
  buckets.give(old)
  const areSame = meters.length === old.length && meters.every((id, i) => id === old[i])
  if (!areSame) allocation.meters = meters
  for (const row of permissions.of(allocation.permissions)) {
    const host = address(permissions.ip(row), 0)
    if (reachOf(state, allocation, host) === 'no') removePermission(state.book, allocation, row)
  }
  for (const row of peers.of(allocation.peers)) {
    const peer = peers.address(row)
    if (!areSame) peers.makeStale(row)
    const isDenied = reachOf(state, allocation, peer) === 'no'
    commands.push(...(isDenied ? dismiss(state, allocation, row) : reroute(state, allocation, peer, now)))
  }
  noteChange(state, allocation)
  return commands
}

/** Whether the last relayed address of an allocation has ended. */
export function hasEnded(state: RelayState, allocation: Allocation, now: Time): boolean {
  const { lifetimes } = state.book
  return allocation.state === 'open' && allocation.legs.every(leg => lifetimes.isOver(leg.lifetime, now))
}

/**
 * Takes what has lapsed from the allocation that a request is about: of one that is near its limits everything, so that
 * nothing counts that is over.
 */
export function lapseFor(state: RelayState, allocation: OpenAllocation, now: Time): Command[] {
  if (allocation.due > now) return []
  const { limits } = state.config
  const isCrowded =
    allocation.permissions.size * 2 > limits.permissionsPerAllocation ||
    allocation.channels * 2 > limits.channelsPerAllocation ||
    allocation.user.permissions * 2 > limits.permissionsPerUser ||
    allocation.user.channels * 2 > limits.channelsPerUser
  return isCrowded ? lapse(state, allocation, now) : lapseHalves(state, allocation, now)
}

/**
 * Ends the relayed addresses of an allocation that have lapsed since the last sweep, so that no request refreshes them
 * back to life. What else has lapsed is found out where a request names it.
 */
function lapseHalves(state: RelayState, allocation: OpenAllocation, now: Time): Command[] {
  if (allocation.state !== 'open') return []
  if (hasEnded(state, allocation, now)) {
    return close(state, allocation, isAway(allocation) ? 'hangup' : 'expired', now)
  }
  const commands = lapseArrival(state, allocation, now)
  const { lifetimes } = state.book
  const over = allocation.legs.filter(leg => lifetimes.isOver(leg.lifetime, now))
  if (over.length === 0) return commands
  return [...commands, ...closeLegs(state, allocation, over, now)]
}

/** Takes from an allocation whatever has lapsed, and ends it with its last relayed address. */
function lapse(state: RelayState, allocation: OpenAllocation, now: Time): Command[] {
  const commands = lapseHalves(state, allocation, now)
  if (allocation.state !== 'open') return commands
  const { lifetimes, peers, permissions } = state.book
  let due = Number.POSITIVE_INFINITY
  for (const leg of allocation.legs) due = Math.min(due, lifetimes.until(leg.lifetime))
  due = Math.min(due, allocation.mobility?.arrival?.until ?? due)
  // Peers first: those without a channel hang on the lifetimes of permissions.
  for (const row of peers.of(allocation.peers)) {
    const lifetime = peers.lifetime(row)
    if (!lifetimes.isOver(lifetime, now)) due = Math.min(due, lifetimes.until(lifetime))
    else commands.push(...dismiss(state, allocation, row))
  }
  for (const row of permissions.of(allocation.permissions)) {
    const lifetime = permissions.lifetime(row)
    if (!lifetimes.isOver(lifetime, now)) due = Math.min(due, lifetimes.until(lifetime))
    else removePermission(state.book, allocation, row)
  }
  allocation.due = due as Time
  return commands
}
