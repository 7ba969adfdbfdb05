import type { Random } from '../../src/base/time.ts'

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export type Dice = () => number

export function dice(seed: number): Dice {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Octets from dice: repeatable, so for tests only. */
export function octets(roll: Dice): Random {
  return into => {
    for (let i = 0; i < into.length; i++) into[i] = Math.floor(roll() * 256)
  }
}

/** A seed for a stream of its own, so that one link's luck does not change another's. */
export function seedOf(seed: number, name: string): number {
  let hash = seed | 0
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return hash >>> 0
}
