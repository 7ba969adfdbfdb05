import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Ports that this process was given already; the system may give a free one twice. */
const given = new Set<number>()

/** Finds a port that is free at this moment for UDP and TCP, on 127.0.0.1 and ::1, and that was not given before. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const port = await tcpPort(0, '127.0.0.1')
    if (port === undefined || given.has(port)) continue
    if ((await tcpPort(port, '::1')) === undefined) continue
    if (!(await udpFree('udp4', port, '127.0.0.1'))) continue
    if (!(await udpFree('udp6', port, '::1'))) continue
    given.add(port)
    return port
  }
  throw new Error('no port is free on loopback')
}

/** The port that could be bound, or undefined when it was taken. */
async function tcpPort(port: number, host: string): Promise<number | undefined> {
  const server = createServer()
  try {
    server.listen(port, host)
    await once(server, 'listening')
    const bound = server.address()
    return typeof bound === 'object' && bound ? bound.port : undefined
  } catch {
    return undefined
  } finally {
    server.close()
  }
}

async function udpFree(type: 'udp4' | 'udp6', port: number, host: string): Promise<boolean> {
  const socket = createSocket({ type, ipv6Only: type === 'udp6' })
  try {
    socket.bind(port, host)
    await once(socket, 'listening')
    return true
  } catch {
    return false
  } finally {
    socket.close()
  }
}
