import type { Time } from '../../base/time.ts'
import { BoundedMap } from '../../limits/bounded-map.ts'
import { type Event, type Owner, ownerKey } from '../event.ts'
import type { ReplyTo } from '../reply.ts'

/** Milliseconds of requests that a user, and a 5-tuple, may send at once: Element opens 84 allocations at a stroke. */
const USER_BURST = 10_000
const SOCKET_BURST = 5000
/** A 5-tuple has half of its user's rate. */
const SOCKET_SHARE = 2
/** Attributes, or routes to make anew, that one unit pays for: a CreatePermission may name hundreds of peers. */
const PARTS = 16
/** Users and 5-tuples that owe something at a time. */
const DEBTORS = 16_384
/** Debtors that one sweep looks at. */
const AT_ONCE = 1024
/** Milliseconds that one report stands for. */
const WINDOW = 10_000

type Debts = BoundedMap<string, Time>

/**
 * How fast users send signed requests (S-01): a request above the rate of its
 * user or of its 5-tuple is dropped, and the client sends it again later.
 *
 * Only what has verified is charged, so nobody uses up somebody else's rate.
 * From a 5-tuple that has used up its own nothing is verified any more. Debts
 * are of seconds and in no snapshot; each shard counts by itself.
 */
export class RequestPace {
  /** When what is owed will be paid off. */
  readonly #users: Debts = new BoundedMap(DEBTORS)
  readonly #sockets: Debts = new BoundedMap(DEBTORS)
  #held: { count: number; readonly from: ReplyTo['to']; readonly owner?: Owner } | undefined
  #reported = 0 as Time

  /** True while a request from this 5-tuple, whose allocation is `owner`'s, is not worth verifying. */
  isSpent(reply: ReplyTo, perSecond: number | undefined, owner: Owner | undefined): boolean {
    if (perSecond === undefined) return false
    const cost = (1000 * SOCKET_SHARE) / perSecond
    if (fits(this.#sockets, socketKey(reply), cost, SOCKET_BURST, reply.at)) return false
    this.#hold(reply, owner)
    return true
  }

  /**
   * Charges a request that has verified; false where it is one too many. Its
   * 5-tuple pays even where its user has nothing left, since it was verified
   * all the same: else one user's further 5-tuples would cost as much as they send.
   * `parts` is how much work it makes; however much that is, a 5-tuple that owes nothing may have it done.
   */
  take(owner: Owner, parts: number, reply: ReplyTo, perSecond: number | undefined): boolean {
    if (perSecond === undefined) return true
    const units = Math.max(1, Math.ceil(parts / PARTS))
    const cost = Math.min((units * 1000) / perSecond, SOCKET_BURST / SOCKET_SHARE)
    const user = ownerKey(owner)
    const socket = socketKey(reply)
    const hasUserRoom = fits(this.#users, user, cost, USER_BURST, reply.at)
    const hasSocketRoom = fits(this.#sockets, socket, cost * SOCKET_SHARE, SOCKET_BURST, reply.at)
    if (hasSocketRoom) charge(this.#sockets, socket, cost * SOCKET_SHARE, reply.at)
    if (hasUserRoom && hasSocketRoom) {
      charge(this.#users, user, cost, reply.at)
      return true
    }
    this.#hold(reply, owner)
    return false
  }

  /**
   * Charges the 5-tuple of a request that another shard is to verify; false,
   * and nothing charged, where it is one too many.
   */
  takeUnverified(reply: ReplyTo, perSecond: number | undefined): boolean {
    if (perSecond === undefined) return true
    const cost = (1000 * SOCKET_SHARE) / perSecond
    const mayBe = fits(this.#sockets, socketKey(reply), cost, SOCKET_BURST, reply.at)
    if (mayBe) charge(this.#sockets, socketKey(reply), cost, reply.at)
    else this.#hold(reply, undefined)
    return mayBe
  }

  /** Forgets what is paid off, some at a time, and says what was dropped, at times. To be called once a second. */
  report(now: Time): Event[] {
    this.#users.forget(now, AT_ONCE)
    this.#sockets.forget(now, AT_ONCE)
    const held = this.#held
    if (!held || now - this.#reported < WINDOW) return []
    this.#reported = now
    this.#held = undefined
    return [{ kind: 'throttled', at: now, why: 'requests', ...held }]
  }

  #hold({ to }: ReplyTo, owner: Owner | undefined): void {
    this.#held = { count: (this.#held?.count ?? 0) + 1, from: to, ...(owner && { owner }) }
  }
}

function fits(debts: Debts, key: string, cost: number, burst: number, now: Time): boolean {
  return (debts.get(key, now) ?? now) - now + cost <= burst
}

function charge(debts: Debts, key: string, cost: number, now: Time): void {
  const until = ((debts.get(key, now) ?? now) + cost) as Time
  debts.set(key, until, until)
}

function socketKey({ socket, to }: ReplyTo): string {
  return `${socket} ${to.key}`
}
