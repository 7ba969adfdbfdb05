/**
 * STUN and TURN clients. `connect` and `query` have sockets of their own; `TurnClient` below them has none and goes
 * anywhere.
 *
 * @module taciturn/client
 */
import { lookup } from 'node:dns/promises'
import { type Address, address, parseIp } from '../base/address.ts'
import { type Result, succeeded } from '../base/result.ts'
import {
  type LinkFault,
  openTcp,
  openTls,
  openUdpLink,
  type ProbeLink,
  type TlsOptions,
} from '../dial/link.ts'
import { readTurnUri, type TurnUri } from '../homeserver/turn-uri.ts'
import { CannotConnect, TaciturnError } from './errors.ts'
import type { HostPort } from './host-port.ts'
import type { OpenLink } from './line.ts'
import { TurnConnection } from './turn-connection.ts'

export type { Address, Family } from '../base/address.ts'
export type { ChannelNumber } from '../base/ids.ts'
export type { Random, Time } from '../base/time.ts'
export type { AlgorithmChoice } from '../client/long-term.ts'
export type { WriteFields } from '../client/transactions.ts'
export { type AllocateOptions, TurnClient, type TurnClientOptions } from '../client/turn-client.ts'
export type { IgnoredReason, RequestNumber, TurnEvent } from '../client/turn-event.ts'
export { CannotConnect, type ErrorCode, TaciturnError, TurnRejected } from './errors.ts'
export type { HostPort } from './host-port.ts'
export type {
  AllocationRequest,
  GrantedAllocation,
  TurnConnection,
  TurnConnectionEvents,
} from './turn-connection.ts'

/** How to reach a server; the members are those of an RTCIceServer. */
export interface ConnectOptions {
  readonly username?: string
  readonly credential?: string
  /** Milliseconds for the connection, 4,000 by default. Requests have time limits of their own (RFC 8489 §6.2). */
  readonly timeout?: number
  /** For `turns:`: authorities beside those of Node, another name to check, or no check at all. */
  readonly tls?: NonNullable<TlsOptions['trust']>
}

const TIMEOUT = 4000

/**
 * Connects to the server of a URI such as `turn:turn.example.org:3478?transport=udp` or `turns:turn.example.org`.
 *
 *     const turn = await connect('turn:127.0.0.1:3478', { username, credential })
 *     const { relayed } = await turn.allocate()
 *     turn.on('data', (payload, peer) => …)
 *     await turn.permit({ address: '198.51.100.4', port: 4000 })
 *     turn.send({ address: '198.51.100.4', port: 4000 }, Buffer.from('hello'))
 *     await turn.close()
 *
 * Rejects with `INVALID_URI`, or with `CannotConnect` where nobody listens or the certificate is not trusted.
 */
export async function connect(uri: string, options: ConnectOptions = {}): Promise<TurnConnection> {
  const { username, credential } = options
  return new TurnConnection(await openLink(uri, options), to => openLink(to ?? uri, options), {
    ...(username !== undefined && { username }),
    ...(credential !== undefined && { password: credential }),
  })
}

/**
 * Asks a STUN server how it sees this machine: `query('stun:stun.example.org:3478')`. Also takes `turn:` and
 * `turns:` URIs. Rejects as `connect` does, or with `TIMEOUT`.
 */
export async function query(uri: string, options: ConnectOptions = {}): Promise<HostPort> {
  const connection = await connect(uri.replace(/^stun(s?):/i, 'turn$1:'), options)
  try {
    return await connection.binding()
  } finally {
    await connection.close()
  }
}

async function openLink(uri: string, options: ConnectOptions): Promise<OpenLink> {
  const read = readTurnUri(uri)
  if (!read.ok) throw new TaciturnError('INVALID_URI', `${uri} is not a TURN URI (${read.error})`)
  const server = await resolve(read.value)
  return { link: await dial(read.value, server, options), server }
}

async function resolve({ ip, host, port }: TurnUri): Promise<Address> {
  if (ip) return address(ip, port)
  try {
    const found = await lookup(host)
    return address(parseIp(found.address)!, port)
  } catch (cause) {
    throw new TaciturnError('CANNOT_CONNECT', `the name ${host} does not resolve`, { cause })
  }
}

async function dial(uri: TurnUri, server: Address, options: ConnectOptions): Promise<ProbeLink> {
  const patience = options.timeout ?? TIMEOUT
  const opened = await open(uri, server, patience, options.tls ?? {})
  if (!opened.ok) throw new CannotConnect(opened.error)
  return opened.value
}

async function open(
  { transport, host }: TurnUri,
  server: Address,
  patience: number,
  trust: NonNullable<TlsOptions['trust']>,
): Promise<Result<ProbeLink, LinkFault>> {
  if (transport === 'udp') return openUdpLink(server)
  if (transport === 'tcp') return openTcp(server, patience)
  const opened = await openTls(server, { host, patience, trust })
  return opened.ok ? succeeded(opened.value.link) : opened
}
