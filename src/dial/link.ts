import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, isIPv6, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { type Address, address, formatIp, parseIp } from '../base/address.ts'
import { failed, type Result, succeeded } from '../base/result.ts'
import { Deframer } from '../client/deframer.ts'

/** One way to the relay: datagrams, or the frames of a stream. */
export interface ProbeLink {
  readonly reliable: boolean
  /** Sends to the relay; over UDP also to anybody else. */
  send(bytes: Buffer, to?: Address): void
  /** Who is given what arrives, and from where. */
  listen(take: (bytes: Buffer, from: Address) => void): void
  /** Who is told, once, when a stream has ended; datagrams never end. */
  ended(tell: () => void): void
  /** Why nothing more will arrive, once that is known. */
  readonly fault: LinkFault | undefined
  close(): void
}

/**
 * Why there is no link. `unreachable`: this machine has no way there at all,
 * which says nothing about the relay.
 */
export interface LinkFault {
  readonly why: 'refused' | 'timeout' | 'unreachable' | 'closed' | 'not-stun' | 'tls' | 'other'
  readonly detail: string
}

/** Opens a UDP link that hears answers from anywhere, since a relay may answer from the wrong address. */
export async function openUdpLink(to: Address): Promise<Result<ProbeLink, LinkFault>> {
  const socket = createSocket({ type: to.family === 4 ? 'udp4' : 'udp6' })
  const host = formatIp(to.ip)
  let fault: LinkFault | undefined
  let take: (bytes: Buffer, from: Address) => void = () => undefined
  socket.on('error', error => {
    fault ??= faultOf(error)
  })
  try {
    socket.bind(0)
    await once(socket, 'listening')
  } catch (error) {
    socket.close()
    return failed(faultOf(error))
  }
  socket.on('message', (bytes, { address: from, port }) => {
    const ip = parseIp(from.replace(/%.*$/, ''))
    if (ip) take(bytes, address(ip, port))
  })
  return succeeded({
    reliable: false,
    send: (bytes, other) =>
      socket.send(bytes, other?.port ?? to.port, other ? formatIp(other.ip) : host, error => {
        if (error) fault ??= faultOf(error)
      }),
    listen: taker => {
      take = taker
    },
    ended: () => undefined,
    get fault() {
      return fault
    },
    close: () => socket.close(),
  })
}

/** True when the machine there says that nobody listens on this UDP port; false when it says nothing. */
export async function isUdpClosed(to: Address, bytes: Buffer, patience: number): Promise<boolean> {
  const socket = createSocket({ type: to.family === 4 ? 'udp4' : 'udp6' })
  try {
    // Only a connected socket is told of ICMP errors.
    socket.connect(to.port, formatIp(to.ip))
    await once(socket, 'connect')
    const answer = once(socket, 'message', { signal: AbortSignal.timeout(patience) })
    socket.send(bytes)
    await answer
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'
  } finally {
    socket.on('error', () => undefined)
    socket.close()
  }
}

/** Opens a TCP connection. `preface` goes before everything else, in clear. */
export async function openTcp(
  to: Address,
  patience: number,
  preface?: Buffer,
): Promise<Result<ProbeLink, LinkFault>> {
  const socket = connect({ host: formatIp(to.ip), port: to.port })
  if (preface) socket.write(preface)
  const fault = await settled(socket, 'connect', patience)
  return fault ? failed(fault) : succeeded(streamLink(socket, to))
}

export interface TlsOptions {
  /** The name to ask for and to check; an IP address is checked, but not asked for. */
  readonly host: string
  readonly patience: number
  /** Goes before the handshake, in clear: a PROXY header. */
  readonly preface?: Buffer | undefined
  readonly maxVersion?: 'TLSv1.1' | 'TLSv1.2'
  /**
   * What makes a certificate trusted; without it every certificate is taken,
   * and judging it is the caller's business.
   */
  readonly trust?: Pick<ConnectionOptions, 'ca' | 'servername' | 'rejectUnauthorized'>
}

/** Opens a TLS connection. */
export async function openTls(
  to: Address,
  { host, patience, preface, maxVersion, trust }: TlsOptions,
): Promise<Result<{ link: ProbeLink; socket: TLSSocket }, LinkFault>> {
  const isIp = parseIp(host) !== undefined || isIPv6(host)
  const place = { host: formatIp(to.ip), port: to.port }
  const raw = preface && connect(place)
  raw?.write(preface!)
  raw?.on('error', error => socket.destroy(error))
  const socket: TLSSocket = connectTls({
    ...place,
    ...(raw && { socket: raw }),
    rejectUnauthorized: trust !== undefined,
    ...(!isIp && { servername: host }),
    ...trust,
    ...(maxVersion === 'TLSv1.1' && {
      minVersion: 'TLSv1',
      maxVersion,
      ciphers: 'DEFAULT@SECLEVEL=0',
    }),
    ...(maxVersion === 'TLSv1.2' && { maxVersion }),
  })
  const fault = await settled(socket, 'secureConnect', patience)
  return fault ? failed(fault) : succeeded({ link: streamLink(socket, to), socket })
}

function streamLink(socket: Socket, to: Address): ProbeLink {
  const deframer = new Deframer()
  let fault: LinkFault | undefined
  let tell: () => void = () => undefined
  let take: (bytes: Buffer, from: Address) => void = () => undefined
  socket.setNoDelay(true)
  socket.on('error', error => {
    fault ??= faultOf(error)
  })
  socket.on('close', () => {
    fault ??= { why: 'closed', detail: 'the connection was closed' }
    tell()
  })
  socket.on('data', chunk => {
    const frames = deframer.take(chunk)
    if (!frames) {
      fault ??= { why: 'not-stun', detail: printable(chunk) }
      socket.destroy()
      return
    }
    for (const frame of frames) take(frame, to)
  })
  return {
    reliable: true,
    send: bytes => void (socket.writable && socket.write(bytes)),
    listen: taker => {
      take = taker
    },
    ended: teller => {
      tell = teller
    },
    get fault() {
      return fault
    },
    close: () => socket.destroy(),
  }
}

async function settled(socket: Socket, event: string, patience: number): Promise<LinkFault | undefined> {
  try {
    await once(socket, event, { signal: AbortSignal.timeout(patience) })
    return undefined
  } catch (error) {
    // A handshake that fails late would otherwise have nobody to tell.
    socket.on('error', () => undefined)
    socket.destroy()
    return faultOf(error)
  }
}

function faultOf(error: unknown): LinkFault {
  const { code = '', message, name } = error as NodeJS.ErrnoException
  const detail = code || message
  if (name === 'AbortError' || name === 'TimeoutError' || code === 'ETIMEDOUT')
    return { why: 'timeout', detail: 'timeout' }
  if (code === 'ECONNREFUSED') return { why: 'refused', detail }
  if (['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL'].includes(code))
    return { why: 'unreachable', detail }
  if (code === 'ECONNRESET' || code === 'EPIPE') return { why: 'closed', detail }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS'))
    return { why: 'tls', detail }
  return { why: 'other', detail }
}

/** The start of what somebody else's protocol said, safe to show. */
function printable(chunk: Buffer): string {
  return chunk
    .subarray(0, 40)
    .toString('latin1')
    .replaceAll(/[^\x20-\x7e]+/g, ' ')
    .trim()
}
