import { readFileSync } from 'node:fs'
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import { address, type Family, ipKey, parseIp } from '../../base/address.ts'
import type { PortSpan } from '../../base/range.ts'

/** An IP address of this machine, and where it is. */
export interface MachineAddress {
  readonly ip: Uint8Array
  /** `eth0`, `lo`. */
  readonly device: string
  /**
   * False for an IPv6 address that the kernel will soon replace (temporary, RFC
   * 8981; deprecated): a call should not lose its address.
   */
  readonly isLasting: boolean
  /**
   * Why an IPv6 address cannot be bound: the kernel is still asking whether another
   * machine has it, or one has (RFC 4862 §5.4). Absent where it can be.
   */
  readonly unbindable?: 'tentative' | 'duplicate' | undefined
}

/** This machine on the network, at one moment. */
export interface Machine {
  readonly addresses: readonly MachineAddress[]
  /** The device that packets to the world leave by, of each family that has a default route. */
  readonly ways: ReadonlyMap<Family, string>
}

/**
 * What this machine takes itself of all that is sent: addresses of its
 * interfaces, and whatever else the kernel's routing tables call local, which
 * no list of interfaces shows (`ip route add local`, subnet-router anycast).
 */
export interface OwnAddresses {
  /** Asks the kernel, or what it has said since the last change. Port 0 stands for none in particular. */
  has(ip: Uint8Array, port?: number): boolean
  /** Says from which addresses and ports the relay sends: rules of routing may go by them. */
  sendFrom(ips: readonly Uint8Array[], ports: PortSpan): void
  stop(): void
}

type Interfaces = NodeJS.Dict<NetworkInterfaceInfo[]>

/** Flags of linux/if_addr.h: temporary and deprecated; one of them is enough. */
const PASSING = 0x01 | 0x20
const [DUPLICATE, TENTATIVE] = [0x08, 0x40] as const
/** `RTF_UP` and `RTF_REJECT` of linux/route.h. */
const UP = 0x0001
const REJECT = 0x0200

/** Reads addresses and default routes. Where there is no /proc every address is lasting, and no way is known. */
export function readMachine(interfaces: Interfaces = networkInterfaces()): Machine {
  const states = addressStates(read('/proc/self/net/if_inet6'))
  const found = new Map<number | string, MachineAddress>()
  for (const [device, infos] of Object.entries(interfaces)) {
    for (const info of infos ?? []) {
      const parsed = parseIp(info.address.replace(/%.*$/, ''))
      if (!parsed) continue
      const { ip } = address(parsed, 0)
      const key = ipKey(ip)
      if (!found.has(key)) found.set(key, { ip, device, isLasting: true, ...states.get(key) })
    }
  }
  const ways = new Map<Family, string>()
  const way4 = defaultDevice4(read('/proc/self/net/route'))
  const way6 = defaultDevice6(read('/proc/self/net/ipv6_route'))
  if (way4 !== undefined) ways.set(4, way4)
  if (way6 !== undefined) ways.set(6, way6)
  return { addresses: [...found.values()], ways }
}

/** The machine's own IP addresses, all families and devices, loopback too. */
export function ownAddresses(interfaces?: Interfaces): Uint8Array[] {
  return readMachine(interfaces).addresses.map(({ ip }) => ip)
}

/** What an `if_inet6` says of addresses that no call should begin on. */
export function addressStates(
  table: string,
): Map<number | string, Pick<MachineAddress, 'isLasting' | 'unbindable'>> {
  const states = new Map<number | string, Pick<MachineAddress, 'isLasting' | 'unbindable'>>()
  for (const line of table.split('\n')) {
    const [hex = '', , , , text = ''] = line.trim().split(/ +/)
    const flags = Number.parseInt(text, 16)
    if (hex.length !== 32 || !(flags & (PASSING | DUPLICATE | TENTATIVE))) continue
    // A duplicate stays tentative.
    const unbindable = flags & DUPLICATE ? 'duplicate' : flags & TENTATIVE ? 'tentative' : undefined
    states.set(ipKey(Buffer.from(hex, 'hex')), { isLasting: !(flags & PASSING), unbindable })
  }
  return states
}

/** The device of the default route with the lowest metric. */
export function defaultDevice4(table: string): string | undefined {
  const routes = table.split('\n').flatMap(line => {
    const [device = '', to, , flags = '', , , metric = '', mask] = line.trim().split(/\s+/)
    const isDefault = to === '00000000' && mask === '00000000' && isUp(flags)
    return isDefault ? [{ device, metric: Number(metric) }] : []
  })
  return nearest(routes)
}

export function defaultDevice6(table: string): string | undefined {
  const routes = table.split('\n').flatMap(line => {
    const [to, length, , , , metric = '', , , flags = '', device = ''] = line.trim().split(/ +/)
    const isDefault = to === '0'.repeat(32) && length === '00' && isUp(flags)
    return isDefault ? [{ device, metric: Number.parseInt(metric, 16) }] : []
  })
  return nearest(routes)
}

function isUp(flags: string): boolean {
  const set = Number.parseInt(flags, 16)
  return (set & UP) !== 0 && (set & REJECT) === 0
}

function nearest(routes: readonly { readonly device: string; readonly metric: number }[]) {
  return [...routes].sort((a, b) => a.metric - b.metric)[0]?.device
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}
