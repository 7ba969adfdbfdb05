import { RULES, type Sign } from './rules.ts'
import type { Vitals } from './vitals.ts'

/** A condition that holds. */
export interface HealthFinding extends Sign {
  /** Of the rule. */
  readonly id: string
}

/** What came of looking at everything. */
export interface Judgement {
  /** The worst first; empty when all that was looked at is good. */
  readonly findings: readonly HealthFinding[]
  /** How many conditions were looked at. */
  readonly checked: number
  /**
   * What could not be looked at: `descriptors`, which not every system counts,
   * and `sign-in` before anybody has come.
   */
  readonly unchecked: readonly string[]
}

export function judgeHealth(vitals: Vitals): Judgement {
  const unchecked: string[] = []
  if (!vitals.shares.some(({ what }) => what === 'descriptors')) unchecked.push('descriptors')
  if (vitals.opened === 0) unchecked.push('sign-in')
  const findings = RULES.flatMap(rule =>
    rule.look(vitals).map((sign): HealthFinding => ({ id: rule.id, ...sign })),
  )
  return {
    findings: findings.sort((a, b) => Number(b.level === 'bad') - Number(a.level === 'bad')),
    checked: RULES.length - (unchecked.includes('descriptors') ? 1 : 0),
    unchecked,
  }
}
