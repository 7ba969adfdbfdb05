import { formatIp, parseIp } from '../../base/address.ts'
import type { ImportedLine } from '../line.ts'
import { firstWord, leadingNumber } from './coturn-file.ts'
import type { CoturnReading } from './coturn-reading.ts'

export function readProtocol(reading: CoturnReading): void {
  const { protocol } = reading.draft
  const take = (name: string, keys: readonly string[], value: boolean | string = true) => {
    const line = reading.flag(name)
    if (!line) return
    for (const key of keys) protocol[key] = value
    reading.ledger.taken(line, keys.map(key => `protocol.${key}`).join(', '))
  }
  take('software-attribute', ['software'], 'taciturn')
  take('include-reason-string', ['reasonPhrases'])
  take('rfc3489-compatibility', ['classicStun'])
  take('stun-backward-compatibility', ['mappedAddress', 'classicStun'])
  take('rfc5766-channel-numbers', ['legacyChannelNumbers'])
  const keep = reading.flag('keep-address-family')
  if (keep) keepFamily(reading, keep)
  const family = reading.last('allocation-default-address-family')
  if (!family) return
  const wanted = firstWord(family.value)
  if (wanted === 'keep') keepFamily(reading, family)
  else if (wanted === 'ipv4') reading.ledger.unneeded(family, 'is-default')
  else reading.ledger.unsupported(family, wanted === 'ipv6' ? 'family-ipv6' : 'bad-value')
}

function keepFamily(reading: CoturnReading, line: ImportedLine): void {
  reading.draft.defaultFamily = 'listener'
  reading.ledger.taken(line, 'relay.defaultFamily')
}

export function readMetrics(reading: CoturnReading): void {
  const isOn = reading.flag('prometheus')
  const port = reading.last('prometheus-port')
  const at = reading.last('prometheus-address')
  const path = reading.last('prometheus-path')
  if (path) {
    if (firstWord(path.value) === '/metrics') reading.ledger.unneeded(path, 'is-default')
    else reading.ledger.unsupported(path, 'metrics-path')
  }
  if (!isOn) {
    for (const line of [port, at]) if (line) reading.ledger.unneeded(line, 'without-prometheus')
    return
  }
  const number = port ? leadingNumber(port.value) : 9641
  const ip = at ? parseIp(firstWord(at.value)) : parseIp('127.0.0.1')
  const isPort = number !== undefined && number > 0 && number < 65536
  const host = formatIp(ip ?? parseIp('127.0.0.1')!)
  reading.draft.metrics = {
    listen: `http://${host.includes(':') ? `[${host}]` : host}:${isPort ? number : 9641}`,
    coturnNames: true,
  }
  reading.ledger.taken(isOn, 'metrics', at ? 'metrics-names' : 'metrics-local')
  if (port && isPort) reading.ledger.taken(port, 'metrics.listen')
  else if (port) reading.ledger.unsupported(port, 'bad-value')
  if (at && ip) reading.ledger.taken(at, 'metrics.listen')
  else if (at) reading.ledger.unsupported(at, 'bad-address')
}

export function readLog(reading: CoturnReading): void {
  const all = reading.flag('Verbose')
  if (all) {
    reading.draft.logLevel = 'debug'
    reading.ledger.taken(all, 'log.level')
  }
  const least = reading.last('log-min-level')
  if (!least) return
  const level = LEVELS[firstWord(least.value).toLowerCase()]
  if (level === undefined) {
    reading.ledger.unsupported(least, 'bad-value')
    return
  }
  reading.draft.logLevel = level
  reading.ledger.taken(least, 'log.level')
}

const LEVELS: Readonly<Record<string, string>> = {
  debug: 'debug',
  info: 'info',
  notice: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
}
