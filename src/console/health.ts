import type { Status } from '../control/view.ts'
import type { ConsoleWords } from './words.ts'

/** Something that an operator should see; `bad` costs calls now or within days. */
export interface HealthFinding {
  readonly level: 'bad' | 'warn'
  readonly text: string
}

const DAY = 86_400_000
/** Automatic renewal happens at thirty days; at twenty-one it has failed, at seven it is urgent. */
const CERTIFICATE_WARN = 21
const CERTIFICATE_BAD = 7
/** Shares of a limit. */
const NEAR = 0.8
const FULL = 0.95

/** What is not as it should be, the worst first; empty when all is well. */
export function findings(status: Status, words: ConsoleWords): HealthFinding[] {
  const { say, count, format } = words
  const found: HealthFinding[] = []
  const add = (level: HealthFinding['level'], text: string) => found.push({ level, text })

  if (status.state === 'draining') add('warn', say('health.draining'))
  else if (status.state !== 'serving') add('warn', say(`state.${status.state}`))
  if (status.state !== 'draining')
    for (const why of status.notReady) add('bad', say('health.not-ready', { why }))
  if (status.workers.missing > 0) add('bad', count('health.workers', status.workers.missing))
  if (!status.reload.ok) add('warn', say('health.reload', { when: format.dateTime(status.reload.at) }))

  const expires = status.certificate?.expires
  if (expires !== undefined) {
    const days = Math.floor((expires - status.at) / DAY)
    if (expires <= status.at) add('bad', say('health.certificate-expired', { when: format.date(expires) }))
    else if (days < CERTIFICATE_WARN)
      add(days < CERTIFICATE_BAD ? 'bad' : 'warn', count('health.certificate', days))
  }
  for (const { share, name } of limits(status, words)) {
    if (share >= NEAR)
      add(share >= FULL ? 'bad' : 'warn', say('health.limit', { name, share: format.percent(share) }))
  }
  return found.sort((a, b) => Number(b.level === 'bad') - Number(a.level === 'bad'))
}

/** A limit and how much of it is used. */
export interface Limit {
  readonly key: string
  readonly name: string
  readonly used: number
  readonly limit: number
  readonly share: number
}

/** Everything that can run out. */
export function limits(status: Status, { say }: ConsoleWords): Limit[] {
  const list: Limit[] = []
  const add = (key: string, name: string, used: number, limit: number) => {
    if (limit > 0) list.push({ key, name, used, limit, share: used / limit })
  }
  add('sessions', say('limit.sessions'), status.allocations.live, status.allocations.limit)
  add('ports', say('limit.ports'), status.ports.used, status.ports.total)
  if (status.descriptors)
    add('descriptors', say('limit.descriptors'), status.descriptors.open, status.descriptors.limit)
  for (const { name, allocations, limit } of status.homeservers)
    if (limit !== undefined) add(`homeserver ${name}`, say('limit.homeserver', { name }), allocations, limit)
  return list
}
