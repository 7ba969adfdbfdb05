import { readFileSync } from 'node:fs'
import type { RunningText } from '../texts/running.ts'

/** What a process may do beyond others. */
export interface Privileges {
  readonly root: boolean
  /** Capabilities in force, a bit each. */
  readonly capabilities: bigint
}

/** CAP_NET_BIND_SERVICE: ports below 1024. */
const BIND = 1n << 10n

/** Reads /proc/self/status; undefined where there is none. */
export function readPrivileges(file = '/proc/self/status'): Privileges | undefined {
  let text: string
  try {
    text = readFileSync(file, 'latin1')
  } catch {
    return undefined
  }
  const effective = /^Uid:\s+\d+\s+(\d+)/m.exec(text)?.[1]
  const capabilities = /^CapEff:\s+([0-9a-f]+)/m.exec(text)?.[1]
  if (effective === undefined || capabilities === undefined) return undefined
  return { root: effective === '0', capabilities: BigInt(`0x${capabilities}`) }
}

/** Says which rights a relay has no use for, and how to be without them; undefined when there are none. */
export function needlessPrivileges({ root, capabilities }: Privileges): RunningText | undefined {
  if (root) return { key: 'warn.root' }
  const needless = capabilities & ~BIND
  if (needless === 0n) return undefined
  const bits = [...needless.toString(2)].reverse().flatMap((bit, i) => (bit === '1' ? [i] : []))
  return { key: 'warn.capabilities', values: { bits: bits.join(', ') } }
}
