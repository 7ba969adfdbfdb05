import { type Address, ipKey } from '../base/address.ts'
import type { ChannelNumber } from '../base/ids.ts'
import { after, type Seconds, type Time } from '../base/time.ts'

/** Permissions lapse after 300 s (RFC 8656 §9); a channel binding, renewed as often, renews its permission. */
const PERMISSION_RENEWAL = 240
/** Seconds before its end that an allocation is refreshed, unless it is a short one. */
const REFRESH_MARGIN = 60

/** Something that must be asked for again. */
export type Renewal =
  | { readonly kind: 'allocation' }
  | { readonly kind: 'permission'; readonly peer: Address }
  | { readonly kind: 'channel'; readonly channel: ChannelNumber; readonly peer: Address }

/** Remembers what to renew and when. A renewal that is due is handed out once, until it is granted again. */
export class Upkeep {
  readonly #entries = new Map<string, { at: Time; renewal: Renewal }>()

  allocated(lifetime: Seconds, now: Time): void {
    const margin = Math.min(REFRESH_MARGIN, lifetime / 4)
    this.#entries.set('allocation', { at: after(now, lifetime - margin), renewal: { kind: 'allocation' } })
  }

  permitted(peer: Address, now: Time): void {
    const renewal: Renewal = { kind: 'permission', peer }
    this.#entries.set(`permission ${ipKey(peer.ip)}`, { at: after(now, PERMISSION_RENEWAL), renewal })
  }

  bound(channel: ChannelNumber, peer: Address, now: Time): void {
    const renewal: Renewal = { kind: 'channel', channel, peer }
    this.#entries.set(`channel ${channel}`, { at: after(now, PERMISSION_RENEWAL), renewal })
  }

  clear(): void {
    this.#entries.clear()
  }

  due(): Time | undefined {
    let earliest: Time | undefined
    for (const { at } of this.#entries.values()) if (earliest === undefined || at < earliest) earliest = at
    return earliest === Number.POSITIVE_INFINITY ? undefined : earliest
  }

  /** What must be renewed by now. */
  take(now: Time): Renewal[] {
    const renewals: Renewal[] = []
    for (const entry of this.#entries.values()) {
      if (entry.at > now) continue
      entry.at = Number.POSITIVE_INFINITY as Time
      renewals.push(entry.renewal)
    }
    return renewals
  }
}
