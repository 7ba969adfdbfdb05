import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Family } from '../base/address.ts'
import { portsIn } from '../base/range.ts'
import type { Settings } from '../config/settings.ts'
import type { Log } from '../log/log.ts'
import { scopeOf } from '../net/ports/relay-addresses.ts'
import { writeKept } from '../system/kept-file.ts'
import { readOwn } from '../system/own-file.ts'
import { type MappedPort, mappedPortKey } from './answer.ts'
import { PortMapper, type PortMapperParts } from './port-mapper.ts'

/** Octets. */
const KEY = 32

/** Has the router map ports, where the settings want that; it is not started yet. */
export function mapperOf(
  { relay, listen, state }: Settings,
  parts: PortMapperParts & { readonly log: Log },
): PortMapper | undefined {
  const { portMapping: way } = relay
  if (way === 'off') return undefined
  const ways = way === 'auto' ? (['pcp', 'nat-pmp', 'upnp'] as const) : ([way] as const)
  const ports = { 4: portsOf(4, listen, relay.ports), 6: portsOf(6, listen, relay.ports) }
  return new PortMapper({ ways, ports, key: mappingKey(join(state, 'mapping.key'), parts.log) }, parts)
}

/** What clients ask at, and then all that is relayed from. Listeners behind a proxy are not asked from outside. */
function portsOf(
  family: Family,
  listen: Settings['listen'],
  ports: Settings['relay']['ports'],
): readonly MappedPort[] {
  const asked = listen.flatMap(({ transport, address, ...listener }): MappedPort[] => {
    const isOutside = address.family === family && address.port !== 0 && !listener.proxy
    if (!isOutside || scopeOf(address.ip) === 'loopback') return []
    return [{ transport: transport === 'udp' ? 'udp' : 'tcp', port: address.port }]
  })
  const relayed = portsIn(ports).map((port): MappedPort => ({ transport: 'udp', port }))
  return [...new Map([...asked, ...relayed].map(port => [mappedPortKey(port), port])).values()]
}

/**
 * The key of the nonces: a process that follows this one, even after a crash,
 * goes on with its mappings, which the router lets nobody else do. Without a
 * file for it they end by themselves within the hour.
 */
function mappingKey(file: string, log: Pick<Log, 'warn'>): Uint8Array {
  try {
    const own = readOwn(file)
    const kept = own.ok ? Buffer.from(own.value.trim(), 'hex') : undefined
    if (kept?.length === KEY) return kept
  } catch {
    // There is none yet.
  }
  const key = randomBytes(KEY)
  try {
    writeKept(file, `${key.toString('hex')}\n`)
  } catch (error) {
    log.warn('port mappings cannot be taken up again after a restart', {
      file,
      why: (error as Error).message,
    })
  }
  return key
}
