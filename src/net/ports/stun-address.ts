import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { promises as dns } from 'node:dns'
import { type Address, type Family, formatIp } from '../../base/address.ts'
import { XOR_MAPPED_ADDRESS } from '../../wire/attributes.ts'
import { get, MessageWriter, Method, parse } from '../../wire/message.ts'

/** Milliseconds between two requests to begin with; each pause is twice the one before (RFC 8489 §6.2.1). */
const FIRST_PAUSE = 500
const TRIES = 4
const TRANSACTION = 12

/** Asks a STUN server where it sees this machine (RFC 8489 §2). Rejects where it does not say. */
export async function askStunAddress(
  { host, port }: { readonly host: string; readonly port: number },
  family: Family,
  /** The address to ask from. */
  local: Uint8Array | undefined,
): Promise<Uint8Array> {
  const { address } = await dns.lookup(host, { family })
  const request = new MessageWriter('request', Method.Binding, randomBytes(TRANSACTION)).finish()
  const socket = createSocket(family === 4 ? 'udp4' : 'udp6').unref()
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise<Uint8Array>((resolve, reject) => {
      const send = (tries: number) => {
        if (tries === TRIES) return reject(new Error('no answer'))
        socket.send(request, () => {})
        timer = setTimeout(send, FIRST_PAUSE * 2 ** tries, tries + 1).unref()
      }
      // Anybody else's answers stay in the kernel.
      const connect = () =>
        socket.connect(port, address, (error?: Error) => {
          if (error) reject(error)
          else send(0)
        })
      socket.on('error', reject)
      socket.on('message', datagram => {
        const seen = readMapped(datagram, request)
        if (seen?.family === family) resolve(seen.ip)
      })
      if (local) socket.bind(0, formatIp(local), connect)
      else connect()
    })
  } finally {
    clearTimeout(timer)
    socket.close()
  }
}

function readMapped(datagram: Buffer, request: Uint8Array): Address | undefined {
  const message = parse(datagram)
  if (message.kind !== 'message' || message.class !== 'success' || message.method !== Method.Binding)
    return undefined
  const isOurs = Buffer.compare(datagram.subarray(8, 20), request.subarray(8, 20)) === 0
  return isOurs ? get(message, XOR_MAPPED_ADDRESS) : undefined
}
