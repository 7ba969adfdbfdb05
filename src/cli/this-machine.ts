import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { basename } from 'node:path'
import { address, formatIp, ipKey, parseIp } from '../base/address.ts'
import type { Loaded } from '../config/load.ts'
import { formatListener, isAny, type Listener } from '../config/values/listener.ts'
import { formatRelayAddress } from '../config/values/relay-address.ts'
import { commandLine, holderOf, listedSockets, mayRead, uidOf, userName } from '../doctor/proc.ts'
import type { CliWords } from './words.ts'

/** What a configuration is checked against: the machine that it is on. */
export interface HostMachine {
  /** IP addresses of its interfaces. */
  readonly ips: readonly Uint8Array[]
  /** The first port that a program without privileges may bind. */
  readonly firstPort: number
  /** The user that the relay will run as; undefined where that is the one who asks. */
  readonly service: { readonly uid: number; readonly name: string } | undefined
  /** Who else has a port that the relay wants; the relay's own sockets, and those of systemd for it, are not in it. */
  readonly sockets: readonly Held[]
  /** True where the relay will run without privileges. */
  readonly isPlainUser: boolean
}

/** A socket of another program. */
export interface Held {
  readonly transport: 'udp' | 'tcp'
  readonly ip: Uint8Array
  readonly port: number
  /** `turnserver (process 812)`, or the user where the process cannot be seen. */
  readonly holder: string
}

/** The account that the package makes for the relay. */
const SERVICE_USER = 'taciturn'

/** Looks at the machine; at its sockets only as far as these listeners want their ports. */
export function lookAtMachine(listen: readonly Listener[], words: CliWords): HostMachine {
  const ips = Object.values(networkInterfaces()).flatMap(list =>
    (list ?? []).flatMap(({ address: text }) => parseIp(text.replace(/%.*$/, '')) ?? []),
  )
  // Root checks for the service; anybody else checks for himself, and reading the files has shown that he may.
  const isRoot = process.getuid?.() === 0
  const uid = isRoot ? uidOf(SERVICE_USER) : undefined
  const service = uid === undefined ? undefined : { uid, name: SERVICE_USER }
  const sockets = socketsOfOthers(new Set(listen.map(({ address }) => address.port)), words)
  return { ips, firstPort: firstPort(), service, sockets, isPlainUser: !isRoot || service !== undefined }
}

function socketsOfOthers(ports: ReadonlySet<number>, words: CliWords): Held[] {
  const ours = new Set([uidOf(SERVICE_USER), process.getuid?.()])
  return (['udp', 'tcp'] as const).flatMap(transport =>
    listedSockets(transport).flatMap(({ ip, port, uid, inode }): Held[] => {
      if (!ports.has(port)) return []
      const pid = holderOf(inode)
      // One that cannot be seen may be this very relay under another user, or systemd's for it.
      if (pid === undefined) {
        const isTelling = uid !== 0 && !ours.has(uid)
        return isTelling
          ? [{ transport, ip, port, holder: words.say('machine.byUser', { user: userName(uid) }) }]
          : []
      }
      const command = commandLine(pid)
      if (pid === 1 || isRelay(command)) return []
      const name = basename(command[0] ?? '?')
      return [{ transport, ip, port, holder: words.say('machine.byProgram', { name, pid }) }]
    }),
  )
}

/** True for a relay of ours, of which `validate` checks the file while it runs. */
function isRelay(command: readonly string[]): boolean {
  return command.includes('serve') && command.some(word => /(^|\/)taciturn$|\/cli\/main\.js$/.test(word))
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
  const taken = new Map<string, string[]>()
  for (const listener of settings.listen) {
    const holder = machine.sockets.find(held => isInTheWay(held, listener))?.holder
    if (holder !== undefined) taken.set(holder, [...(taken.get(holder) ?? []), formatListener(listener)])
  }
  const { service } = machine
  const unreadable = service ? files.filter(file => !mayRead(file, service.uid)) : []
  return [
    ...relays,
    ...listeners,
    // An old server is often stopped in the moment in which the new one starts.
    ...[...taken].map(([holder, entries]) => ({
      text: words.say('machine.taken', { entries: entries.join(', '), holder }),
      prevents: false,
    })),
    ...unreadable.map(file => ({
      text: words.say('machine.file', { file, user: service!.name }),
      prevents: true,
    })),
  ]
}

/** True where both cannot be bound: on one address, or where one of them has all. `::` may stand for IPv4 too. */
function isInTheWay(held: Held, { transport, address: { ip, port } }: Listener): boolean {
  const isSameKind = held.transport === (transport === 'udp' ? 'udp' : 'tcp')
  if (!isSameKind || held.port !== port) return false
  const isAll = (one: Uint8Array) => one.every(octet => octet === 0)
  if (held.ip.length === 16 && isAll(held.ip)) return true
  if (held.ip.length !== ip.length) return false
  return isAll(held.ip) || isAll(ip) || Buffer.compare(held.ip, ip) === 0
}

/** The first port that a program without privileges may bind. */
export function firstPort(): number {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'))
  } catch {
    return 1024
  }
}
