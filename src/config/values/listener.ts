import { type Address, formatAddress, formatIp } from '../../base/address.ts'
import { succeeded } from '../../base/result.ts'
import { notAccepted, type Parsed } from '../fault.ts'
import { isLinkLocal, parseHostPort } from './host-port.ts'

/** RFC 8656 §4: 3478 for TURN over UDP and TCP, 5349 over TLS. */
const PORT = { udp: 3478, tcp: 3478, tls: 5349 } as const

export interface Listener {
  readonly transport: 'udp' | 'tcp' | 'tls'
  readonly address: Address
  /** Every connection begins with a PROXY header, by which its proxy says whose it is. */
  readonly proxy?: true
  /** TLS that is not meant for the relay is passed on to the web server. */
  readonly web?: true
}

/** Reads `udp://0.0.0.0:3478` or `tls://[::]:443?proxy&web`. Port 0 means any free one. */
export function parseListener(text: string): Parsed<Listener> {
  const match = /^([A-Za-z]+):\/\/([^/?]*)\/?(?:\?(.*))?$/.exec(text.trim())
  if (!match) return notAccepted('listener', { given: text })
  const transport = match[1]!.toLowerCase()
  if (transport !== 'udp' && transport !== 'tcp' && transport !== 'tls') {
    return notAccepted('listener-transport', { given: transport })
  }
  if (isLinkLocal(match[2]!)) return notAccepted('listener-link-local', { given: match[2]! })
  const address = parseHostPort(match[2]!, PORT[transport])
  if (!address.ok) return address
  const options = match[3] === undefined ? [] : match[3].split('&')
  const unknown = options.find(option => !isOption(option))
  if (unknown !== undefined) return notAccepted('listener-option', { given: unknown })
  if (transport === 'udp' && options.length > 0) return notAccepted('listener-option-udp', { given: text })
  return succeeded({
    transport,
    address: address.value,
    ...(options.includes('proxy') && { proxy: true as const }),
    ...(options.includes('web') && { web: true as const }),
  })
}

export function formatListener(listener: Listener): string {
  const options = OPTIONS.filter(option => listener[option])
  const query = options.length > 0 ? `?${options.join('&')}` : ''
  return `${listener.transport}://${formatAddress(listener.address)}${query}`
}

function isOption(text: string): boolean {
  return OPTIONS.some(option => option === text)
}

const OPTIONS = ['proxy', 'web'] as const

/** True when both would bind the same port of the same address; TCP and TLS share theirs. */
export function overlap(a: Listener, b: Listener): boolean {
  const sameSocket = (a.transport === 'udp') === (b.transport === 'udp')
  if (!sameSocket || a.address.port !== b.address.port || a.address.port === 0) return false
  if (a.address.family !== b.address.family) return false
  return a.address.key === b.address.key || isAny(a) || isAny(b)
}

/** True for addresses that only this machine reaches. */
export function isLoopback(at: Address): boolean {
  return at.family === 4 ? at.ip[0] === 127 : formatIp(at.ip) === '::1'
}

export function isAny(listener: Listener): boolean {
  return listener.address.ip.every(octet => octet === 0)
}
