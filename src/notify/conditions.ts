import type { HealthFinding } from '../health/judge.ts'
import { RULES } from '../health/rules.ts'

/** A condition that has held for long enough to be told. Times are milliseconds since the epoch. */
export interface Condition {
  /** Tells it apart from others: a rule may hold for several homeservers. */
  readonly key: string
  /** As it was judged last. */
  readonly finding: HealthFinding
  readonly since: number
}

/** A condition that was told, or would have been, and holds no more. */
export interface PastCondition extends Condition {
  readonly until: number
}

interface Seen {
  condition: Condition
  last: number
  isHeld: boolean
}

const CHOSEN = new Set(RULES.filter(({ isChosen }) => isChosen).map(({ id }) => id))

/**
 * Which conditions hold, without those that come and go: one counts when it has
 * held for a while, and is over when it has not held for as long.
 */
export class Conditions {
  readonly #seen = new Map<string, Seen>()

  /** `known` held when the relay ran last, which is taken to be true until they do not show. */
  constructor(known: readonly Condition[], now: number) {
    for (const condition of known) this.#seen.set(condition.key, { condition, last: now, isHeld: true })
  }

  /** Takes note of what holds now; `after` is in milliseconds. Returns what is over. */
  update(findings: readonly HealthFinding[], after: number, now: number): PastCondition[] {
    for (const finding of findings) {
      if (CHOSEN.has(finding.id)) continue
      const key = keyOf(finding)
      const seen = this.#seen.get(key)
      const since = seen?.condition.since ?? now
      const isHeld = seen?.isHeld === true || now - since >= after
      this.#seen.set(key, { condition: { key, finding, since }, last: now, isHeld })
    }
    return [...this.#seen.values()].flatMap(({ condition, last, isHeld }) => {
      if (last === now || (isHeld && now - last < after)) return []
      this.#seen.delete(condition.key)
      return isHeld ? [{ ...condition, until: last }] : []
    })
  }

  /** Those that count, the worst first. */
  get held(): readonly Condition[] {
    const held = [...this.#seen.values()].filter(({ isHeld }) => isHeld).map(({ condition }) => condition)
    return held.sort((a, b) => Number(b.finding.level === 'bad') - Number(a.finding.level === 'bad'))
  }
}

/** A rule that holds for several things names each; a homeserver's name has no space in it. */
function keyOf({ id, values }: HealthFinding): string {
  const name = values?.name
  return name === undefined ? id : `${id} ${name}`
}
