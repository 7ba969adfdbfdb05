import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'

const LOOPBACK = '127.0.0.1'
/** Below what the relays hand out here, and without the ports that a relay's metrics and console have by themselves. */
const RANGE = { from: 4_000, to: 9_600 }

/**
 * Ports for the listeners of a relay under load: different ones, which neither
 * UDP nor TCP uses on loopback at this moment. They lie below those that
 * systems give to sockets that ask for any: a peer of the load that came to
 * stand at one would be refused, since relays let nobody reach their own listeners.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = randomInt(RANGE.from, RANGE.to)
    if (await isFree(port)) ports.add(port)
  }
  return [...ports]
}

async function isFree(port: number): Promise<boolean> {
  const tcp = createServer()
  const udp = createSocket('udp4')
  try {
    tcp.listen(port, LOOPBACK)
    await once(tcp, 'listening')
    udp.bind(port, LOOPBACK)
    await once(udp, 'listening')
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    return false
  } finally {
    tcp.close()
    udp.close()
  }
}
