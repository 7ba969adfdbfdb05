import { createSocket } from 'node:dgram'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'

/** Tells whether a listener's port is free again, and which relay ports of 127.0.0.1 are still bound. */
export async function bindable(port: number, relayPorts: { readonly from: number; readonly to: number }) {
  return { udp: await udpFree(port), tcp: await tcpFree(port), relays: boundPorts(relayPorts) }
}

function udpFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createSocket('udp4')
    socket.once('error', () => resolve(false))
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)))
  })
}

function tcpFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** UDP ports of 127.0.0.1 that anybody has bound, within a range. */
export function boundPorts({ from, to }: { readonly from: number; readonly to: number }): number[] {
  const lines = readFileSync('/proc/net/udp', 'latin1').trim().split('\n').slice(1)
  return lines
    .map(line => line.trim().split(/\s+/)[1]!.split(':'))
    .filter(([ip]) => ip === '0100007F')
    .map(([, port]) => Number.parseInt(port!, 16))
    .filter(port => port >= from && port <= to)
}
