import type { Family } from '../../base/address.ts'
import type { DoctorCheck } from '../check.ts'
import type { Facts, TurnEndpoint } from '../facts.ts'
import { type Finding, finding } from '../finding.ts'
import { openSession } from '../open.ts'
import { codeOf } from './relaying.ts'

/**
 * People on IPv4 and on IPv6 can call each other: the relay has an address of
 * both families, or says which it has not.
 */
export const families: DoctorCheck = {
  name: 'families',
  needs: ['endpoints', 'credential'],
  async run(facts) {
    const endpoint =
      facts.endpoints.find(({ state }) => state.allocated) ??
      facts.endpoints.find(({ state }) => state.refused === 440)
    if (!endpoint || !facts.credential) return []
    const has = { 4: await canRelay(facts, endpoint, 4), 6: await canRelay(facts, endpoint, 6) }
    const at = { at: endpoint.label }
    if (has[4] === 'yes' && has[6] === 'yes') return [finding('families-both', {}, at)]
    const found: Finding[] = []
    if (has[4] === 'no') found.push(finding('family-4-missing', {}, at))
    // Clients that only have IPv6 will meet peers that only have IPv6.
    const isReachedBy6 = facts.endpoints.some(({ address, state }) => address.family === 6 && state.reached)
    if (has[6] === 'no') found.push(finding(isReachedBy6 ? 'family-6-missing' : 'family-6-none', {}, at))
    return found
  },
}

async function canRelay(
  facts: Facts,
  endpoint: TurnEndpoint,
  family: Family,
): Promise<'yes' | 'no' | 'unknown'> {
  const opened = await openSession(endpoint, facts.credential)
  if (!opened.ok) return 'unknown'
  const session = opened.value
  try {
    const answer = await session.ask((client, now) => client.allocate({ family }, now))
    if (answer.kind === 'allocated') {
      return answer.relayed.some(relayed => relayed.family === family) ? 'yes' : 'no'
    }
    return codeOf(answer) === 440 ? 'no' : 'unknown'
  } finally {
    await session.end()
  }
}
