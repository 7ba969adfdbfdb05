import { isAbsolute, resolve } from 'node:path'
import { address, formatIp, ipKey, parseAddress, parseIp } from '../../base/address.ts'

import { type Listener, overlap } from '../../config/values/listener.ts'
import { parsePorts } from '../../config/values/port-range.ts'
import { parseRelayAddress } from '../../config/values/relay-address.ts'
import type { ImportedLine } from '../line.ts'
import { isSpecial } from '../peers.ts'
import { settlePlaceholder } from '../placeholder.ts'
import { ANYWHERE, localFor, mapPublic, sameIp, unique } from '../relay-address.ts'
import { firstWord, leadingNumber } from './coturn-file.ts'
import type { CoturnReading } from './coturn-reading.ts'

export function readTls(reading: CoturnReading): void {
  const certificate = reading.last('cert')
  const key = reading.last('pkey')
  const isOff = reading.flag('no-tls')
  if (isOff) reading.ledger.unneeded(isOff, 'no-tls')
  if (!certificate && !key) return
  if (isOff) {
    for (const line of [certificate, key]) if (line) reading.ledger.unneeded(line, 'certificate-unused')
    return
  }
  const path = (line: ImportedLine | undefined, fallback: string) => {
    const given = line?.value || fallback
    return isAbsolute(given) ? given : resolve(reading.around.folder, given)
  }
  // coturn's own defaults, where only one of the two is written.
  const tls = {
    certificate: path(certificate, 'turn_server_cert.pem'),
    key: path(key, 'turn_server_pkey.pem'),
  }
  reading.draft.tls = tls
  if (certificate) reading.ledger.taken(certificate, 'tls.certificate')
  if (key) reading.ledger.taken(key, 'tls.key')
}

export function readListeners(reading: CoturnReading): void {
  const ips = reading.all('listening-ip').flatMap(line => {
    const ip = parseIp(firstWord(line.value))
    if (ip) reading.ledger.taken(line, 'listen')
    else if (!settlePlaceholder(reading.draft, reading.ledger, line, 'listen'))
      reading.ledger.unsupported(line, 'bad-address')
    return ip ? [ip] : []
  })
  const hosts = ips.length > 0 ? ips : ANYWHERE
  const plainPort = readPort(reading, 'listening-port', 3478)
  const tlsPort = readTlsPort(reading)
  const [noUdp, noTcp] = (['no-udp', 'no-tcp'] as const).map(name => {
    const line = reading.flag(name)
    if (line) reading.ledger.taken(line, 'listen', 'left-out')
    return line !== undefined
  })
  const plain = [...(noUdp ? [] : ['udp' as const]), ...(noTcp ? [] : ['tcp' as const])]
  for (const transport of plain) for (const ip of hosts) listen(reading, transport, ip, plainPort)
  if (reading.draft.tls) for (const ip of hosts) listen(reading, 'tls', ip, tlsPort)
  for (const line of reading.all('aux-server')) {
    const at = parseAddress(firstWord(line.value))
    if (!at || at.port === 0) reading.ledger.unsupported(line, 'bad-address')
    else if (plain.length === 0) reading.ledger.unneeded(line, 'port-unused')
    else {
      for (const transport of plain) listen(reading, transport, at.ip, at.port)
      reading.ledger.taken(line, 'listen')
    }
  }
  readAlternatives(reading, plain, ips)
  if (reading.draft.listen.length === 0) reading.draft.todo.push({ key: 'todo-listen', values: {} })
}

function listen(
  reading: CoturnReading,
  transport: Listener['transport'],
  ip: Uint8Array,
  port: number,
): void {
  const listener: Listener = { transport, address: address(ip, port) }
  if (!reading.draft.listen.some(other => overlap(other, listener))) reading.draft.listen.push(listener)
}

function readTlsPort(reading: CoturnReading): number {
  if (reading.draft.tls) return readPort(reading, 'tls-listening-port', 5349)
  const line = reading.last('tls-listening-port')
  if (line) reading.ledger.unneeded(line, 'port-unused')
  return 5349
}

function readPort(reading: CoturnReading, name: string, fallback: number): number {
  const line = reading.last(name)
  if (!line) return fallback
  const port = leadingNumber(line.value)
  if (port === undefined || port < 1 || port > 65535) {
    reading.ledger.unsupported(line, 'bad-value')
    return fallback
  }
  reading.ledger.taken(line, 'listen', name === 'listening-port' ? 'plain-port' : 'tls-port')
  return port
}

export function readRelay(reading: CoturnReading): void {
  readRelayPorts(reading)
  const draft = reading.draft
  const locals = reading.all('relay-ip').flatMap(line => {
    const ip = parseIp(firstWord(line.value))
    const isUsable = ip && parseRelayAddress(formatIp(ip)).ok
    const isAny = ip?.every(octet => octet === 0)
    if (isAny) reading.ledger.unneeded(line, 'is-default')
    else if (settlePlaceholder(reading.draft, reading.ledger, line, 'relay.addresses')) return []
    else if (isUsable) reading.ledger.taken(line, 'relay.addresses')
    else reading.ledger.unsupported(line, 'bad-address')
    return isUsable ? [ip] : []
  })
  const listening = draft.listen.map(({ address }) => address.ip).filter(ip => ip.some(octet => octet > 0))
  const named = locals.length > 0 ? locals : unique(listening)
  const mapped = new Map<number | string, string>()
  for (const line of reading.all('external-ip')) readExternal(reading, line, named, locals, mapped)
  for (const ip of locals) draft.relayAddresses.push(mapped.get(ipKey(ip)) ?? formatIp(ip))
  const rest = [...mapped].filter(([key]) => !locals.some(ip => ipKey(ip) === key))
  draft.relayAddresses.push(...rest.map(([, entry]) => entry))
  // coturn relays from every address; `auto` would name addresses of virtual networks beside a mapped one.
  if (mapped.size > 0 && locals.length === 0) remarkOtherFamily(reading)
}

function readExternal(
  reading: CoturnReading,
  line: ImportedLine,
  named: readonly Uint8Array[],
  locals: readonly Uint8Array[],
  mapped: Map<number | string, string>,
): void {
  if (settlePlaceholder(reading.draft, reading.ledger, line, 'relay.addresses')) return
  const [outsideText = '', localText, ...more] = firstWord(line.value).split('/')
  const outside = parseIp(outsideText)
  const local = localText === undefined ? undefined : parseIp(localText)
  if (!outside && HOST_NAME.test(outsideText) && more.length === 0) {
    readNamed(reading, line, outsideText, local, named, mapped)
    return
  }
  if (!outside || more.length > 0 || (localText !== undefined && !local)) {
    reading.ledger.unsupported(line, 'bad-address')
    reading.draft.todo.push({ key: 'todo-public', values: {} })
    return
  }
  if (local && !reading.around.own.some(ip => sameIp(ip, local)) && reading.around.own.length > 0)
    reading.draft.remarks.push({ key: 'local-not-here', values: { local: formatIp(local) } })
  const mapping = local
    ? {
        entry: sameIp(local, outside) ? formatIp(local) : `${formatIp(local)}=${formatIp(outside)}`,
        guessed: false,
      }
    : mapPublic(outside, named, reading.around)
  if ('missing' in mapping) {
    reading.draft.todo.push(mapping.missing)
    reading.ledger.unsupported(line, 'local-unknown', { public: formatIp(outside) })
    return
  }
  const parsed = parseRelayAddress(mapping.entry)
  if (!parsed.ok || parsed.value === 'auto' || parsed.value.local === 'auto') {
    reading.ledger.unsupported(line, 'bad-address')
    return
  }
  const key = ipKey(parsed.value.local)
  if (mapped.has(key)) {
    reading.ledger.unneeded(line, 'mapped-before')
    return
  }
  if (local && locals.length > 0 && !locals.some(ip => sameIp(ip, local))) {
    reading.ledger.unneeded(line, 'not-relayed-from', { local: formatIp(local) })
    return
  }
  mapped.set(key, mapping.entry)
  reading.ledger.taken(line, 'relay.addresses', mapping.guessed ? 'local-guessed' : undefined, {
    entry: mapping.entry,
  })
}

/**
 * `external-ip=NAME`: coturn looked the name up at its start. Here the name itself is written, and is looked up
 * again when the address behind it changes.
 */
function readNamed(
  reading: CoturnReading,
  line: ImportedLine,
  name: string,
  given: Uint8Array | undefined,
  named: readonly Uint8Array[],
  mapped: Map<number | string, string>,
): void {
  const local = given ?? localFor(4, named, reading.around)
  const entry = `${local ? formatIp(local) : 'auto'}=${name}`
  if (!parseRelayAddress(entry).ok) {
    reading.ledger.unsupported(line, 'bad-address')
    reading.draft.todo.push({ key: 'todo-public', values: {} })
    return
  }
  mapped.set(local ? ipKey(local) : 'auto', entry)
  reading.ledger.taken(line, 'relay.addresses', 'by-name', { entry })
}

/**
 * coturn serves TURN on its alternative ports too, as soon as it has two addresses of a family (127.0.0.1 counts),
 * and people use them as further ports.
 */
function readAlternatives(
  reading: CoturnReading,
  plain: readonly ('udp' | 'tcp')[],
  ips: readonly Uint8Array[],
): void {
  const hasTwo = ips.length === 0 || [4, 16].some(size => ips.filter(ip => ip.length === size).length > 1)
  const hosts = ips.length > 0 ? ips : ANYWHERE
  for (const [name, transports] of [
    ['alt-listening-port', plain],
    ['alt-tls-listening-port', reading.draft.tls ? (['tls'] as const) : []],
  ] as const) {
    const line = reading.last(name)
    if (!line) continue
    const port = leadingNumber(line.value)
    if (port === 0) reading.ledger.unneeded(line, 'is-default')
    else if (port === undefined || port > 65535) reading.ledger.unsupported(line, 'bad-value')
    else if (!hasTwo) reading.ledger.unneeded(line, 'alternative-port')
    else if (transports.length === 0) reading.ledger.unneeded(line, 'port-unused')
    else {
      for (const transport of transports) for (const ip of hosts) listen(reading, transport, ip, port)
      reading.ledger.taken(line, 'listen', 'alternative-taken')
    }
  }
}

function remarkOtherFamily(reading: CoturnReading): void {
  const entries = reading.draft.relayAddresses
  const hasFamily = (length: number) =>
    entries.some(entry => parseIp(entry.split('=')[0]!)?.length === length)
  const left = reading.around.own.filter(ip => !hasFamily(ip.length) && !isSpecial(ip))
  if (left.length > 0)
    reading.draft.remarks.push({
      key: 'other-family',
      values: { addresses: left.map(formatIp).join(', ') },
    })
}

function readRelayPorts(reading: CoturnReading): void {
  const min = reading.last('min-port')
  const max = reading.last('max-port')
  if (!min && !max) return
  const from = min ? leadingNumber(min.value) : 49152
  const to = max ? leadingNumber(max.value) : 65535
  const ports = `${from}-${to}`
  const isGood = parsePorts(ports).ok
  if (isGood) reading.draft.ports = ports
  for (const line of [min, max]) {
    if (!line) continue
    if (isGood) reading.ledger.taken(line, 'relay.ports')
    else reading.ledger.unsupported(line, 'bad-ports')
  }
}

/** A name in the DNS: at least two labels, the last with a letter in it. */
const HOST_NAME = /^(?=.{1,253}$)([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)+[A-Za-z][A-Za-z0-9-]*\.?$/
