import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'

const COOKIE = 0x2112a442
const XOR_MAPPED_ADDRESS = 0x0020

/** A Binding request of 20 octets, nothing but a header (RFC 8489 §5). */
export function bindingRequest(): Buffer {
  const request = Buffer.alloc(20)
  request.writeUInt16BE(0x0001, 0)
  request.writeUInt32BE(COOKIE, 4)
  randomBytes(12).copy(request, 8)
  return request
}

/**
 * Sends `request` over UDP and resolves with the first answer, or with
 * undefined when `patience` milliseconds bring none. Repeats every 100 ms,
 * as a STUN client would.
 */
export function ask(
  port: number,
  request: Buffer,
  patience: number,
  host = '127.0.0.1',
): Promise<Buffer | undefined> {
  return new Promise(resolve => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    const finish = (answer: Buffer | undefined) => {
      clearInterval(repeat)
      clearTimeout(end)
      socket.close(() => resolve(answer))
    }
    const repeat = setInterval(() => socket.send(request, port, host), 100)
    const end = setTimeout(() => finish(undefined), patience)
    socket.once('message', finish)
    // ECONNREFUSED while the server is not there yet.
    socket.on('error', () => undefined)
    socket.send(request, port, host)
  })
}

/** The port that a Binding success names in XOR-MAPPED-ADDRESS, or undefined. */
export function mappedPort(answer: Buffer): number | undefined {
  if (answer.length < 20 || answer.readUInt16BE(0) !== 0x0101 || answer.readUInt32BE(4) !== COOKIE)
    return undefined
  for (let at = 20; at + 4 <= answer.length; at += 4 + ((answer.readUInt16BE(at + 2) + 3) & ~3)) {
    if (answer.readUInt16BE(at) === XOR_MAPPED_ADDRESS) return answer.readUInt16BE(at + 6) ^ (COOKIE >>> 16)
  }
  return undefined
}
