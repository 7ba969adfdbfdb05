import { ipKey } from '../../base/address.ts'

/** How many connections there may be, and who has them. */
export interface Gathering {
  /** Lets one in, or returns false. */
  enter(ip: Uint8Array): boolean
  leave(ip: Uint8Array): void
  /** Changes the limits. Those who are in stay. */
  limit(most: number, mostEach: number): void
}

/** Counts connections, in all and by client address; an IPv6 client is its /64, which one host commonly has. */
export class Crowd implements Gathering {
  #most: number
  #mostEach: number
  #by = new Map<number | string, number>()
  #all = 0

  constructor(most: number, mostEach: number) {
    this.#most = most
    this.#mostEach = mostEach
  }

  enter(ip: Uint8Array): boolean {
    const key = keyOf(ip)
    const already = this.#by.get(key) ?? 0
    if (this.#all >= this.#most || already >= this.#mostEach) return false
    this.#all++
    this.#by.set(key, already + 1)
    return true
  }

  leave(ip: Uint8Array): void {
    const key = keyOf(ip)
    const left = (this.#by.get(key) ?? 1) - 1
    this.#all--
    if (left === 0) this.#by.delete(key)
    else this.#by.set(key, left)
  }

  limit(most: number, mostEach: number): void {
    this.#most = most
    this.#mostEach = mostEach
  }
}

function keyOf(ip: Uint8Array): number | string {
  return ipKey(ip.length === 16 ? ip.subarray(0, 8) : ip)
}
