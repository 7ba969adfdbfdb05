import type { Facts, TurnEndpoint } from './facts.ts'
import type { Finding } from './finding.ts'

/** One thing to look at. Finds nothing where it does not apply; never throws for what the world may answer. */
export interface DoctorCheck {
  readonly id: string
  run(facts: Facts): readonly Finding[] | Promise<readonly Finding[]>
}

/** One thing to look at for each URI and address. */
export interface EndpointCheck {
  readonly id: string
  run(facts: Facts, endpoint: TurnEndpoint): Promise<readonly Finding[]>
}
