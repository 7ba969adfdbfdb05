import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { address, formatIp, ipKey, parseIp } from '../base/address.ts'
import type { Loaded } from '../config/load.ts'
import { formatListener, isAny } from '../config/values/listener.ts'
import { formatRelayAddress } from '../config/values/relay-address.ts'
import { mayRead, uidOf } from '../doctor/proc.ts'
import type { CliWords } from './words.ts'

/** What a configuration is checked against: the machine that it is on. */
export interface HostMachine {
  /** IP addresses of its interfaces. */
  readonly ips: readonly Uint8Array[]
  /** The first port that a program without privileges may bind. */
  readonly firstPort: number
  /** The user that the relay will run as; undefined where that is the one who asks. */
  readonly service: { readonly uid: number; readonly name: string } | undefined
  /** True where the relay will run without privileges. */
  readonly isPlainUser: boolean
}

/** The account that the package makes for the relay. */
const SERVICE_USER = 'taciturn'

export function lookAtMachine(): HostMachine {
  const ips = Object.values(networkInterfaces()).flatMap(list =>
    (list ?? []).flatMap(({ address: text }) => parseIp(text.replace(/%.*$/, '')) ?? []),
  )
  // Root checks for the service; anybody else checks for himself, and reading the files has shown that he may.
  const isRoot = process.getuid?.() === 0
  const uid = isRoot ? uidOf(SERVICE_USER) : undefined
  const service = uid === undefined ? undefined : { uid, name: SERVICE_USER }
  return { ips, firstPort: firstPort(), service, isPlainUser: !isRoot || service !== undefined }
}

export interface MachineFinding {
  readonly text: string
  /** False for what may be provided for by other means. */
  readonly prevents: boolean
}

/** What `serve` would trip over on this machine. */
export function machineFindings(
  { settings, files }: Pick<Loaded, 'settings' | 'files'>,
  machine: HostMachine,
  words: CliWords,
): MachineFinding[] {
  const present = new Set(machine.ips.map(ip => ipKey(address(ip, 0).ip)))
  const isHere = (ip: Uint8Array) => ip[0] === 127 || present.has(ipKey(ip))
  const missing = (key: string, entry: string, ip: Uint8Array): MachineFinding => ({
    text: words.say('machine.address', { key, entry, given: formatIp(ip) }),
    prevents: true,
  })
  const relays = settings.relay.addresses.flatMap((entry, i) =>
    entry === 'auto' || entry.local === 'auto' || isHere(entry.local)
      ? []
      : [missing(`relay.addresses[${i}]`, formatRelayAddress(entry), entry.local)],
  )
  const listeners = settings.listen.flatMap((listener, i): MachineFinding[] => {
    const { ip, port } = listener.address
    const [key, entry] = [`listen[${i}]`, formatListener(listener)]
    if (!isAny(listener) && !isHere(ip)) return [missing(key, entry, ip)]
    if (!machine.isPlainUser || port === 0 || port >= machine.firstPort) return []
    return [{ text: words.say('machine.port', { key, entry, first: machine.firstPort }), prevents: false }]
  })
  const { service } = machine
  const unreadable = service ? files.filter(file => !mayRead(file, service.uid)) : []
  return [
    ...relays,
    ...listeners,
    ...unreadable.map(file => ({
      text: words.say('machine.file', { file, user: service!.name }),
      prevents: true,
    })),
  ]
}

function firstPort(): number {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'))
  } catch {
    return 1024
  }
}
