import { xmlTags, xmlText } from './xml.ts'

/*
 * How a router is found that speaks UPnP: a search (SSDP, UPnP Device Architecture
 * 1.1 §1.3), and its description (§2.3).
 */

/** Where everybody is searched. */
export const SSDP = { group: '239.255.255.250', port: 1900 } as const

const DEVICES = [1, 2].map(version => `urn:schemas-upnp-org:device:InternetGatewayDevice:${version}`)
/** Seconds within which an answer is to come. */
const MX = 1
/** Octets of the longest answer that is read, and characters of an address in it. */
const LONGEST_ANSWER = 2048
const LONGEST_URL = 512
/** Connections of one router at most, of which it seldom has two. */
const MOST_SERVICES = 4

/** The service of a router that maps ports. */
export interface IgdService {
  readonly type: string
  readonly control: URL
}

const SERVICES: readonly string[] = [
  'urn:schemas-upnp-org:service:WANIPConnection:2',
  'urn:schemas-upnp-org:service:WANIPConnection:1',
  'urn:schemas-upnp-org:service:WANPPPConnection:1',
]

/** Searches for routers at `host`: the router's own address, or the group. */
export function searches(host: string): readonly Uint8Array[] {
  return DEVICES.map(device =>
    Buffer.from(
      [
        'M-SEARCH * HTTP/1.1',
        `HOST: ${host}:${SSDP.port}`,
        'MAN: "ssdp:discover"',
        `MX: ${MX}`,
        `ST: ${device}`,
        '',
        '',
      ].join('\r\n'),
      'latin1',
    ),
  )
}

/** Where the description is that an answer names; undefined unless `gateway` has it itself. */
export function readFound(datagram: Uint8Array, gateway: string): URL | undefined {
  if (datagram.length > LONGEST_ANSWER) return undefined
  const [status = '', ...lines] = Buffer.from(datagram).toString('latin1').split('\r\n')
  if (!/^HTTP\/1\.[01] 200\b/.test(status)) return undefined
  const header = (name: string) =>
    lines
      .find(line => line.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim()
  if (!DEVICES.includes(header('st') ?? '')) return undefined
  return urlAt(gateway, header('location'))
}

/** The services of a description that was read from `location`, those that are preferred first. */
export function readDescription(xml: string, location: URL): readonly IgdService[] {
  const tags = xmlTags(xml) ?? []
  const gateway = location.hostname
  let base = location
  let type: string | undefined
  let control: string | undefined
  const found: { readonly type: string; readonly control: string }[] = []
  for (const tag of tags) {
    const { name, isEnd } = tag
    if (name === 'service') {
      if (isEnd && type && control && SERVICES.includes(type)) found.push({ type, control })
      type = control = undefined
    }
    if (!isEnd) continue
    if (name === 'serviceType') type = xmlText(tag)
    if (name === 'controlURL') control = xmlText(tag)
    if (name === 'URLBase') base = urlAt(gateway, xmlText(tag)) ?? base
  }
  return found
    .sort((a, b) => SERVICES.indexOf(a.type) - SERVICES.indexOf(b.type))
    .flatMap(({ type, control }) => {
      const url = urlAt(gateway, control, base)
      return url ? [{ type, control: url }] : []
    })
    .slice(0, MOST_SERVICES)
}

/** An address that the router itself is asked at, by plain HTTP; undefined for any other. */
function urlAt(gateway: string, text: string | undefined, base?: URL): URL | undefined {
  if (!text || text.length > LONGEST_URL || !URL.canParse(text, base?.href)) return undefined
  const url = new URL(text, base)
  const isThere = url.protocol === 'http:' && url.hostname === gateway && url.port !== '0'
  return isThere && !url.username && !url.password ? url : undefined
}
