import de from '../../texts/catalogues/bench.de.json' with { type: 'json' }
import en from '../../texts/catalogues/bench.en.json' with { type: 'json' }
import type { Language } from '../../texts/language.ts'
import { type Words, wordsFrom } from '../../texts/words.ts'
import { median } from '../measure/statistics.ts'
import type { ClientTransport } from '../protocol.ts'
import type { RateSearch, Round, Scenario, ServerReport, Warning } from './report.ts'

type ReportKey = keyof typeof en
export type ReportWords = Words<ReportKey>

/** The texts of a report. */
export function reportWords(language: Language): ReportWords {
  return wordsFrom<ReportKey>({ en, de }, language)
}

const TRANSPORTS: Readonly<Record<ClientTransport, string>> = { udp: 'UDP', tcp: 'TCP', tls: 'TLS' }

/** What load was put on the relay. */
export function scenarioText(scenario: Scenario, { say, format }: ReportWords): string {
  const { profile, octets, burst, direction, method, transport, rate, search, allocations } = scenario
  const size = burst > 1 ? say('scenario.burst', { burst, n: octets }) : say('scenario.size', { n: octets })
  const parts = [
    profile === 'flood' ? `flood, ${size}` : profile,
    say('scenario.over', { method: say(`method.${method}`), transport: TRANSPORTS[transport] }),
    say(`way.${direction}`),
  ]
  if (rate !== null) parts.push(say('scenario.rate', { n: format.integer(rate) }))
  if (!search || profile === 'flood') {
    parts.push(say('scenario.allocations', { n: format.integer(allocations) }))
  }
  return parts.join(', ')
}

/** What a search came to, and why it ended there. */
export function foundText(search: RateSearch, profile: string, { say, format }: ReportWords): string {
  const unit = search.unit === 'allocations' ? (profile === 'call' ? 'calls' : 'allocations') : 'packets'
  const text = say('found', {
    n: format.integer(search.best),
    what: say(`unit.${unit}`),
    why: say(`found.${search.limitedBy}`),
  })
  return search.confirmed ? text : `${text}${say('notConfirmed')}`
}

/** What a run with a fixed load says to an operator: `undefined` where it has the answer of a search. */
export function carriedText({ rounds }: ServerReport, { say, format }: ReportWords): string | undefined {
  if (rounds.length === 0 || rounds.some(({ search }) => search !== null)) return undefined
  const middle = (pick: (round: Round) => number | null) =>
    median(rounds.map(pick).filter(value => value !== null))
  const values = {
    packets: format.integer(middle(({ full }) => full.packetsPerSecond) ?? 0),
    loss: format.upTo((middle(({ full }) => full.loss) ?? 0) * 100, 2),
  }
  const calls = middle(round => round.callsPerCore)
  if (calls === undefined) return say('carried', values)
  return say('carried.calls', { ...values, calls: format.integer(Math.floor(calls)) })
}

export function warningText(warning: Warning, { say, count, format }: ReportWords): string {
  const percent = (share: number) => `${format.upTo(share * 100, 1)} %`
  switch (warning.kind) {
    case 'generator-busy':
      return say('warning.generator-busy', { server: warning.server, busy: percent(warning.busy) })
    case 'few-cores':
      return count('warning.few-cores', warning.cores)
    case 'machine-busy':
      return say('warning.machine-busy', { load: format.upTo(warning.load, 1), cores: warning.cores })
    case 'small-buffers':
      return say('warning.small-buffers', { kibibytes: Math.round(warning.octets / 1024) })
    case 'own-drops':
    case 'held':
      return say(`warning.${warning.kind}`, { server: warning.server, share: percent(warning.share) })
    case 'stolen':
      return say('warning.stolen', { share: percent(warning.share) })
    case 'governor':
      return say('warning.governor', { governor: warning.governor })
    case 'dgram-generator':
      return say('warning.dgram-generator', { why: warning.why })
    case 'errors': {
      const { server, corrupt, misdelivered } = warning
      return say('warning.errors', { server, corrupt, misdelivered })
    }
  }
}
