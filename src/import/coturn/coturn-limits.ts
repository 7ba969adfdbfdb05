import { formatDuration } from '../../config/values/duration.ts'
import { formatRate, parseRate } from '../../config/values/rate.ts'
import { leadingNumber } from './coturn-file.ts'
import type { CoturnReading } from './coturn-reading.ts'

/** Seconds: what RFC 8656 §7.2 grants at the least. */
const SHORTEST_LIFETIME = 600

/** Element asks for some twenty allocations to gather its candidates. */
const FEW_ALLOCATIONS = 20

export function readLimits(reading: CoturnReading): void {
  count(reading, 'user-quota', 'allocationsPerUser', 'unlimited-user')
  count(reading, 'total-quota', 'allocations', 'unlimited-total')
  rate(reading, 'max-bps', 'bitratePerUser', 'rate-user')
  rate(reading, 'bps-capacity', 'bitrate', 'rate-total')
  const lifetime = reading.last('max-allocate-lifetime')
  if (lifetime) {
    const seconds = leadingNumber(lifetime.value)
    if (seconds === undefined || seconds === 0) reading.ledger.unsupported(lifetime, 'bad-value')
    else {
      const granted = Math.min(86_400, Math.max(SHORTEST_LIFETIME, seconds))
      reading.draft.limits.lifetime = formatDuration(granted)
      const note = granted === seconds ? undefined : 'lifetime-bounds'
      reading.ledger.taken(lifetime, 'limits.lifetime', note, { granted: formatDuration(granted) })
    }
  }
  for (const [name, standard] of [
    ['channel-lifetime', 600],
    ['permission-lifetime', 300],
  ] as const) {
    const line = reading.last(name)
    if (!line) continue
    if (leadingNumber(line.value) === standard) reading.ledger.unneeded(line, 'is-default')
    else reading.ledger.unsupported(line, 'fixed-lifetime', { seconds: standard })
  }
}

function count(
  reading: CoturnReading,
  name: string,
  into: string,
  none: 'unlimited-user' | 'unlimited-total',
): void {
  const line = reading.last(name)
  if (!line) return
  const count = leadingNumber(line.value)
  if (count === undefined || count > 1_000_000) {
    reading.ledger.unsupported(line, 'bad-value')
    return
  }
  if (count === 0) {
    reading.ledger.unneeded(line, none)
    return
  }
  reading.draft.limits[into] = count
  const isFew = name === 'user-quota' && count < FEW_ALLOCATIONS
  reading.ledger.taken(line, `limits.${into}`, isFew ? 'few-allocations' : undefined, { count })
}

function rate(reading: CoturnReading, name: string, into: string, note: 'rate-user' | 'rate-total'): void {
  const line = reading.last(name)
  if (!line) return
  const octets = leadingNumber(line.value)
  if (octets === 0) {
    reading.ledger.unneeded(line, 'is-default')
    return
  }
  const rate = octets === undefined ? '' : formatRate(octets * 2)
  const parsed = parseRate(rate)
  if (!parsed.ok) {
    const { key, values } = parsed.error
    if (key === 'rate-small' && octets !== undefined) {
      reading.ledger.unsupported(line, 'rate-below', { ...values, rate, into: `limits.${into}` })
    } else reading.ledger.unsupported(line, 'bad-value')
    return
  }
  reading.draft.limits[into] = rate
  reading.ledger.taken(line, `limits.${into}`, note, { octets: octets!, rate })
}
