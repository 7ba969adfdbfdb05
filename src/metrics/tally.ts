import { VIA, type Via } from '../base/via.ts'
import type { CloseReason, Event, RejectReason, ThrottleReason } from '../core/event.ts'

/** What one configured homeserver's users hold and have used. */
export interface HomeserverTally {
  allocations: number
  opened: number
  bytesToPeer: number
  bytesToClient: number
  /** Credentials that were handed out over HTTP. */
  issued: number
}

/**
 * Counts what the relay tells, for the metrics page. Keys are homeservers of
 * the configuration and words of the program; a user or an address never
 * becomes one, so the page is as large with a hundred thousand users as with ten.
 */
export class Tally {
  readonly live: Record<Via, number> = zeroes(VIA)
  readonly rejected: Partial<Record<RejectReason, number>> = {}
  readonly closed: Partial<Record<CloseReason, number>> = {}
  /** What was held back without an answer; `scan` counts users, once in a minute. */
  readonly throttled: Partial<Record<ThrottleReason, number>> = {}
  readonly homeservers = new Map<string, HomeserverTally>()
  /** Requests for credentials, by way and outcome. Both are words of the program. */
  readonly requests = new Map<string, { readonly way: string; readonly outcome: string; count: number }>()
  #onClosed: ((via: Via, seconds: number) => void) | undefined

  /** Names the homeservers that are counted apart; one that has left the configuration is forgotten. */
  configure(homeservers: readonly string[]): void {
    for (const name of this.homeservers.keys()) if (!homeservers.includes(name)) this.homeservers.delete(name)
    for (const name of homeservers) {
      if (this.homeservers.has(name)) continue
      this.homeservers.set(name, { allocations: 0, opened: 0, bytesToPeer: 0, bytesToClient: 0, issued: 0 })
    }
  }

  /** Calls `observe` with the duration of each allocation that ends. */
  onClosed(observe: (via: Via, seconds: number) => void): void {
    this.#onClosed = observe
  }

  /** Counts a request for a credential. */
  countRequest(way: string, outcome: string, homeserver: string | undefined): void {
    const key = `${way} ${outcome}`
    const request = this.requests.get(key) ?? { way, outcome, count: 0 }
    request.count++
    this.requests.set(key, request)
    // A link to a page is not a credential.
    const isCredential = outcome === 'issued' && way !== 'usage-link'
    const tally = isCredential && homeserver !== undefined && this.homeservers.get(homeserver)
    if (tally) tally.issued++
  }

  count(event: Event): void {
    switch (event.kind) {
      case 'opened': {
        this.live[event.via]++
        const homeserver = this.homeservers.get(event.owner.tenant)
        if (!homeserver) return
        homeserver.allocations++
        homeserver.opened++
        return
      }
      case 'closed': {
        // A client that left while its sockets were being bound: what never opened is not counted.
        if (event.relayed.length === 0) return
        this.live[event.via]--
        this.closed[event.reason] = (this.closed[event.reason] ?? 0) + 1
        this.#onClosed?.(event.via, (event.at - event.since) / 1000)
        const homeserver = this.homeservers.get(event.owner.tenant)
        if (!homeserver) return
        homeserver.allocations = Math.max(0, homeserver.allocations - 1)
        homeserver.bytesToPeer += event.traffic.toPeer.bytes
        homeserver.bytesToClient += event.traffic.toClient.bytes
        return
      }
      case 'roamed':
        this.live[event.before.via]--
        this.live[event.via]++
        return
      case 'rejected':
        this.countRejected(event.why, 1)
        return
      case 'throttled':
        this.throttled[event.why] = (this.throttled[event.why] ?? 0) + event.count
        return
    }
  }

  countRejected(why: RejectReason, count: number): void {
    this.rejected[why] = (this.rejected[why] ?? 0) + count
  }
}

function zeroes<K extends string>(keys: readonly K[]): Record<K, number> {
  return Object.fromEntries(keys.map(key => [key, 0])) as Record<K, number>
}
