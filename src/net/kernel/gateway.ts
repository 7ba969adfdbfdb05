import { readFileSync } from 'node:fs'
import type { Family } from '../../base/address.ts'

/** The router that packets to the world go to first. */
export interface Gateway {
  readonly ip: Uint8Array
  /** The device on this side, such as `eth0`. */
  readonly device: string
}

/** `RTF_UP`, `RTF_GATEWAY` and `RTF_REJECT` of linux/route.h. */
const [UP, THROUGH, REJECT] = [0x0001, 0x0002, 0x0200] as const

/** The next hop of the default route with the lowest metric; undefined where there is none, or no /proc. */
export function readGateway(family: Family): Gateway | undefined {
  try {
    const file = family === 4 ? 'route' : 'ipv6_route'
    const table = readFileSync(`/proc/self/net/${file}`, 'latin1')
    return family === 4 ? gateway4(table) : gateway6(table)
  } catch {
    return undefined
  }
}

/** Reads a table as in /proc/net/route, in which addresses are in the byte order of the machine. */
export function gateway4(table: string): Gateway | undefined {
  const routes = table.split('\n').flatMap(line => {
    const [device = '', to, via = '', flags = '', , , metric = '', mask] = line.trim().split(/\s+/)
    if (to !== '00000000' || mask !== '00000000' || !leadsOn(flags)) return []
    const ip = new Uint8Array(Uint32Array.of(Number.parseInt(via, 16)).buffer)
    return [{ ip, device, metric: Number(metric) }]
  })
  return nearest(routes)
}

/** Reads a table as in /proc/net/ipv6_route. */
export function gateway6(table: string): Gateway | undefined {
  const routes = table.split('\n').flatMap(line => {
    const [to, length, , , via = '', metric = '', , , flags = '', device = ''] = line.trim().split(/ +/)
    if (to !== '0'.repeat(32) || length !== '00' || !leadsOn(flags)) return []
    return [{ ip: new Uint8Array(Buffer.from(via, 'hex')), device, metric: Number.parseInt(metric, 16) }]
  })
  return nearest(routes)
}

function leadsOn(flags: string): boolean {
  const set = Number.parseInt(flags, 16)
  return (set & UP) !== 0 && (set & THROUGH) !== 0 && (set & REJECT) === 0
}

function nearest(routes: readonly (Gateway & { readonly metric: number })[]): Gateway | undefined {
  const [first] = [...routes].sort((a, b) => a.metric - b.metric)
  return first && { ip: first.ip, device: first.device }
}
