import { readFileSync } from 'node:fs'

/**
 * Adds up the datagrams that the kernel dropped at the sockets bound to these
 * ports, from the text of /proc/net/udp: the queue of their reader was full.
 */
export function dropsIn(table: string, ports: ReadonlySet<number>): number {
  let drops = 0
  for (const line of table.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/)
    const port = Number.parseInt(columns[1]?.split(':')[1] ?? '', 16)
    if (ports.has(port)) drops += Number(columns.at(-1))
  }
  return drops
}

/** Datagrams dropped so far at our sockets on these ports; 0 where the system does not say. */
export function ownDrops(ports: ReadonlySet<number>): number {
  let drops = 0
  for (const file of ['/proc/net/udp', '/proc/net/udp6']) {
    try {
      drops += dropsIn(readFileSync(file, 'latin1'), ports)
    } catch {
      // Not Linux, or without IPv6.
    }
  }
  return drops
}
