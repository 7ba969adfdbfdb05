import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Dice } from '../sim/random.ts'

/** Something that octets are thrown at. */
export interface Target {
  readonly name: string
  /** Octets in an input at most. */
  readonly longest: number
  /** Milliseconds of CPU above which an input is reported as slow. */
  readonly slow: number
  /** Inputs to begin with. */
  seeds(): Buffer[]
  /** Throws if anything is wrong: what the code threw, or an oracle that does not hold. */
  run(input: Buffer): void
  /** Changes an input in a way that keeps its form; `other` is another input of the corpus. */
  mutate(input: Buffer, other: Buffer, roll: Dice): Buffer
  /** What is worth telling at the end. */
  summary?(): string
}

/** Throws unless something holds that must. */
export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what)
}

const folders = new Map<string, string>()

/** A folder for what a target has to write; it goes with the process. */
export function folderOf(target: string): string {
  const known = folders.get(target)
  if (known !== undefined) return known
  const folder = mkdtempSync(join(tmpdir(), `taciturn-fuzz-${target}-`))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  folders.set(target, folder)
  return folder
}
