import { type Batch, DROP, PASS, SEND } from '../base/batch.ts'
import { Counter } from '../base/counters.ts'
import type { Time } from '../base/time.ts'
import { isStream, VIA } from '../base/via.ts'
import { CHANNEL_HEADER, channelLength } from '../wire/channel.ts'
import { HEADER_LENGTH, padded } from '../wire/header.ts'
import { DATA_HEADER_IPV4, DATA_HEADER_IPV6 } from './data-indication.ts'
import { RECORD_WORDS } from './record-words.ts'
import type { Tables } from './tables.ts'

/**
 * What happens to one datagram of a batch, slot `i`, once it is known who sent
 * it. Every function returns the verdict, and has touched the slot only if
 * that is SEND.
 *
 * They take many parameters, because an object for each datagram would be
 * garbage. They are functions and not private methods of `RouteTable` because V8 checks
 * the receiver at every call of a private method, which adds up to more than
 * the look-ups.
 */

/** The most that a UDP datagram over IPv4 carries. */
const MAX_DATAGRAM = 65507
const MAX_STUN_LENGTH = 0xffff
/** By the number of a `Via`. */
const STREAM = VIA.map(isStream)
const DROP_RATE = Counter.dropRate

/** A client's ChannelData or Send indication goes to the peer it names. */
export function forwardFromClient(
  tables: Tables,
  batch: Batch,
  i: number,
  client: number,
  now: Time,
): number {
  const { bytes } = batch
  const start = batch.start[i]!
  const length = batch.length[i]!
  if (length < CHANNEL_HEADER) return PASS
  const first = bytes[start]!
  if (first >= 0x40 && first < 0x80) {
    const octets = channelLength(bytes, start)
    // Fewer than arrived is padding (RFC 8656 §12.5); more is a message cut short.
    if (octets > length - CHANNEL_HEADER) return PASS
    const guess = tables.clients.latest(client)
    const route = tables.rows.overChannel(client, (first << 8) | bytes[start + 1]!, guess)
    if (route >= 0 && route !== guess) tables.clients.setLatest(client, route)
    return route < 0 ? PASS : depart(tables, batch, i, client, route, start + CHANNEL_HEADER, octets, now)
  }
  const { sent } = tables
  if (first !== 0 || !sent.read(batch.view, start, length)) return PASS
  const guess = tables.clients.latest(client)
  const route = tables.rows.toPeer(client, sent.peer, 0, guess)
  if (route >= 0 && route !== guess) tables.clients.setLatest(client, route)
  return route < 0 ? PASS : depart(tables, batch, i, client, route, sent.payload, sent.octets, now)
}

/**
 * A peer's datagram goes to the route's client. Not where the peer is another
 * allocation here: its datagrams do not come by the network, and what does
 * come from there in its name is for the core to judge.
 */
export function forwardFromPeer(
  tables: Tables,
  batch: Batch,
  i: number,
  client: number,
  route: number,
  now: Time,
): number {
  const payload = batch.start[i]!
  const octets = batch.length[i]!
  if (isOver(tables, client, route, now) || tables.rows.local(route) >= 0) return PASS
  const header = headerFor(tables, batch, i, client, route, payload, octets)
  return header === 0 ? PASS : toClient(tables, batch, i, client, route, payload, octets, header, now)
}

/** A client's payload leaves its allocation: for the network, or for another client of this server. */
function depart(
  tables: Tables,
  batch: Batch,
  i: number,
  client: number,
  route: number,
  payload: number,
  octets: number,
  now: Time,
): number {
  const { clients, rows } = tables
  if (octets > MAX_DATAGRAM || isOver(tables, client, route, now)) return PASS
  const local = rows.local(route)
  if (local < 0) return toPeer(tables, batch, i, client, route, payload, octets, now)

  const receiver = clients.ofRelay(local)
  if (receiver < 0) return PASS
  const from = clients.relayedAt(client, rows.family(route))
  const other = rows.toPeer(receiver, clients.words, from, clients.latest(receiver))
  if (other < 0 || isOver(tables, receiver, other, now)) return PASS
  const header = headerFor(tables, batch, i, receiver, other, payload, octets)
  if (header === 0) return PASS
  if (!admit(tables, client, route, octets, now)) return DROP
  countToPeer(tables, client, route, octets)
  return toClient(tables, batch, i, receiver, other, payload, octets, header, now)
}

function toPeer(
  tables: Tables,
  batch: Batch,
  i: number,
  client: number,
  route: number,
  payload: number,
  octets: number,
  now: Time,
): number {
  const { clients, rows } = tables
  if (!admit(tables, client, route, octets, now)) return DROP
  countToPeer(tables, client, route, octets)
  batch.start[i] = payload
  batch.length[i] = octets
  batch.socket[i] = clients.relaySocket(client, rows.family(route))
  direct(batch, i, rows.wayWords(route), rows.wayAt(route))
  return SEND
}

/**
 * Octets of the header that the route's client needs in front of a payload, or
 * 0 if the message would not fit the slot, STUN's length field or UDP.
 */
function headerFor(
  tables: Tables,
  batch: Batch,
  i: number,
  client: number,
  route: number,
  payload: number,
  octets: number,
): number {
  const { rows } = tables
  let header = CHANNEL_HEADER
  let length = octets
  if (rows.channel(route) === 0) {
    header = rows.family(route) === 0 ? DATA_HEADER_IPV4 : DATA_HEADER_IPV6
    length = padded(octets)
    if (header - HEADER_LENGTH + length > MAX_STUN_LENGTH) return 0
  }
  if (octets > MAX_DATAGRAM) return 0
  if (header + length > MAX_DATAGRAM && !STREAM[tables.clients.via(client)]) return 0
  const slot = i * batch.stride
  return payload - header < slot || payload + length > slot + batch.stride ? 0 : header
}

/** A payload from the route's peer gets its header, of as many octets as `headerFor` said, and goes to the client. */
function toClient(
  tables: Tables,
  batch: Batch,
  i: number,
  client: number,
  route: number,
  payload: number,
  octets: number,
  header: number,
  now: Time,
): number {
  if (!admit(tables, client, route, octets, now)) return DROP
  const { clients, rows } = tables
  const { bytes } = batch
  const start = payload - header
  const channel = rows.channel(route)
  let length = header + octets
  if (channel !== 0) {
    bytes[start] = channel >> 8
    bytes[start + 1] = channel
    bytes[start + 2] = octets >> 8
    bytes[start + 3] = octets
  } else {
    tables.indication.write(batch.view, start, header, rows.words, rows.peerAt(route), octets)
    length += -octets & 3
  }
  tables.counters.toClient(clients.via(client), octets)
  rows.countToClient(route, octets)
  batch.start[i] = start
  batch.length[i] = length
  batch.socket[i] = clients.clientSocket(client)
  direct(batch, i, clients.words, clients.addressAt(client))
  return SEND
}

/** Whether the relayed address has ended, or what admits the peer. */
function isOver(tables: Tables, client: number, route: number, now: Time): boolean {
  const { rows, clients } = tables
  const { ends } = tables.lifetimes
  return now >= ends[rows.lifetime(route)]! || now >= ends[clients.lifetime(client, rows.family(route))]!
}

/** Takes a packet from the route's token buckets. */
function admit(tables: Tables, client: number, route: number, octets: number, now: Time): boolean {
  const meters = tables.clients.meters(client)
  if (tables.meters.takePacket(meters, octets, now)) return true
  tables.counters.add(DROP_RATE)
  tables.rows.countDropped(route)
  return false
}

function countToPeer(tables: Tables, client: number, route: number, octets: number): void {
  tables.counters.toPeer(tables.clients.via(client), octets)
  tables.rows.countToPeer(route, octets)
}

/** Makes the record at `words[record]` the one that slot `i` goes to. */
function direct(batch: Batch, i: number, words: Int32Array, record: number): void {
  const { remoteWords } = batch
  const at = i * RECORD_WORDS
  for (let k = 0; k < RECORD_WORDS; k++) remoteWords[at + k] = words[record + k]!
}
