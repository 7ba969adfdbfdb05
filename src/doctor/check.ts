import type { FactName, Facts, TurnEndpoint } from './facts.ts'
import type { Finding } from './finding.ts'
import type { CheckName } from './severity.ts'

/** One thing to look at. Finds nothing where it does not apply; never throws for what the world may answer. */
export interface DoctorCheck {
  readonly name: CheckName
  /** What it looks at that other checks may learn; it runs after those. */
  readonly needs?: readonly FactName[]
  /** What it learns. */
  readonly gives?: readonly FactName[]
  run(facts: Facts): readonly Finding[] | Promise<readonly Finding[]>
}

/** One thing to look at for each URI and address. */
export interface EndpointCheck {
  readonly name: CheckName
  run(facts: Facts, endpoint: TurnEndpoint): Promise<readonly Finding[]>
}

/**
 * The checks in an order in which each comes after those that learn what it
 * needs; apart from that, in the order given. Throws where they wait for each other.
 */
export function inOrder(checks: readonly DoctorCheck[]): DoctorCheck[] {
  const left = [...checks]
  const ordered: DoctorCheck[] = []
  while (left.length > 0) {
    const next = left.findIndex(check =>
      (check.needs ?? []).every(fact => !left.some(other => other !== check && other.gives?.includes(fact))),
    )
    if (next < 0) throw new Error(`checks wait for each other: ${left.map(({ name }) => name).join(', ')}`)
    ordered.push(...left.splice(next, 1))
  }
  return ordered
}
