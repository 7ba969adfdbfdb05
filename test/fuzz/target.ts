import type { Dice } from '../sim/random.ts'

/** Something that octets are thrown at. */
export interface Target {
  readonly name: string
  /** Octets in an input at most. */
  readonly longest: number
  /** Milliseconds above which an input is reported as slow. */
  readonly slow: number
  /** Inputs to begin with. */
  seeds(): Buffer[]
  /** Throws if anything is wrong: what the code threw, or an oracle that does not hold. */
  run(input: Buffer): void
  /** Changes an input in a way that keeps its form; `other` is another input of the corpus. */
  mutate(input: Buffer, other: Buffer, roll: Dice): Buffer
}

/** Throws unless something holds that must. */
export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what)
}
