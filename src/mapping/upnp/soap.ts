import { formatIp, parseIp } from '../../base/address.ts'
import type { MappedPort, Refusal, RouterAnswer } from '../answer.ts'
import { escapeXml, xmlTags, xmlText } from './xml.ts'

/* The actions of WANIPConnection and WANPPPConnection, which are the same for what a relay asks, as SOAP 1.1. */

export interface SoapAction {
  readonly name:
    | 'AddPortMapping'
    | 'DeletePortMapping'
    | 'GetExternalIPAddress'
    | 'GetStatusInfo'
    | 'GetSpecificPortMappingEntry'
  readonly values: readonly (readonly [name: string, value: string | number])[]
}

export type SoapAnswer =
  | { readonly kind: 'done'; readonly values: ReadonlyMap<string, string> }
  /** `code`: errorCode of a UPnPError. */
  | { readonly kind: 'error'; readonly code: number }

/** What stands for them in the list of the router. */
const DESCRIPTION = 'taciturn'
/** Codes of UPnPError that mean something to this relay by themselves. */
export const UPNP_ERROR = { notAuthorized: 606, noSuchEntry: 714, onlyPermanent: 725 } as const

/** UPnP Device Architecture 1.1 §3.2.2, WANIPConnection:1 §2.4.16 and :2 §2.5.17. */
const REFUSALS: Readonly<Record<number, Refusal>> = {
  401: 'unsupported',
  602: 'unsupported',
  603: 'resources',
  606: 'refused',
  718: 'taken',
  728: 'resources',
  729: 'taken',
}

/** `lifetime`: seconds; 0 for as long as nobody deletes it. */
export function addPortMapping(port: MappedPort, client: string, lifetime: number): SoapAction {
  return {
    name: 'AddPortMapping',
    values: [
      ...outside(port),
      ['NewInternalPort', port.port],
      ['NewInternalClient', client],
      ['NewEnabled', 1],
      ['NewPortMappingDescription', DESCRIPTION],
      ['NewLeaseDuration', lifetime],
    ],
  }
}

export function deletePortMapping(port: MappedPort): SoapAction {
  return { name: 'DeletePortMapping', values: outside(port) }
}

export function getPortMapping(port: MappedPort): SoapAction {
  return { name: 'GetSpecificPortMappingEntry', values: outside(port) }
}

export const GET_ADDRESS: SoapAction = { name: 'GetExternalIPAddress', values: [] }
export const GET_STATUS: SoapAction = { name: 'GetStatusInfo', values: [] }

/** The body of a request. */
export function writeSoap(service: string, { name, values }: SoapAction): string {
  const given = values.map(([key, value]) => `<${key}>${escapeXml(`${value}`)}</${key}>`).join('')
  return `<?xml version="1.0"?>\r\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:${name} xmlns:u="${escapeXml(service)}">${given}</u:${name}></s:Body></s:Envelope>\r\n`
}

/** Reads the body of an answer; undefined for what is none to this action. */
export function readSoap(xml: string, { name }: SoapAction): SoapAnswer | undefined {
  const tags = xmlTags(xml)
  if (!tags) return undefined
  const values = new Map<string, string>()
  let isError = false
  let isDone = false
  for (const [i, tag] of tags.entries()) {
    if (!tag.isEnd) {
      isError ||= tag.name === 'UPnPError'
      isDone ||= tag.name === `${name}Response`
      continue
    }
    const before = tags[i - 1]
    const text = before?.name === tag.name && !before.isEnd ? xmlText(tag) : undefined
    if (text !== undefined && !values.has(tag.name)) values.set(tag.name, text)
  }
  if (isError) {
    const code = wholeNumber(values.get('errorCode'))
    return code === undefined ? undefined : { kind: 'error', code }
  }
  return isDone ? { kind: 'done', values } : undefined
}

/** The address in an answer to GetExternalIPAddress: all zero where the router has none yet. */
export function addressIn(values: ReadonlyMap<string, string>): Uint8Array | undefined {
  const text = values.get('NewExternalIPAddress')
  if (text === '') return new Uint8Array(4)
  const ip = text === undefined ? undefined : parseIp(text)
  return ip?.length === 4 ? ip : undefined
}

/** The device that a mapping leads to, of an answer to GetSpecificPortMappingEntry; undefined where it is not named. */
export function insideOf(values: ReadonlyMap<string, string>): string | undefined {
  const ip = parseIp(values.get('NewInternalClient') ?? '')
  return ip && formatIp(ip)
}

/** What an answer to GetStatusInfo says; `uptime`: seconds that the connection has been there. */
export function statusIn(values: ReadonlyMap<string, string>): {
  readonly isConnected: boolean
  readonly uptime: number | undefined
} {
  return {
    isConnected: values.get('NewConnectionStatus') === 'Connected',
    uptime: wholeNumber(values.get('NewUptime')),
  }
}

export function refusalOf(
  code: number,
  of: MappedPort | 'address',
  epoch: number,
): RouterAnswer & { kind: 'refused' } {
  return { kind: 'refused', why: REFUSALS[code] ?? 'failed', code, of, lifetime: 0, epoch }
}

function outside({ transport, port }: MappedPort): SoapAction['values'] {
  return [
    // From anywhere.
    ['NewRemoteHost', ''],
    ['NewExternalPort', port],
    ['NewProtocol', transport.toUpperCase()],
  ]
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined
}
