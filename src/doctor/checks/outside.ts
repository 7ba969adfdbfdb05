import { randomFillSync } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import {
  type Address,
  address,
  formatAddress,
  formatIp,
  ipKey,
  parseIp,
  sameAddress,
} from '../../base/address.ts'
import { openUdpLink, type ProbeLink } from '../../dial/link.ts'
import { XOR_MAPPED_ADDRESS } from '../../wire/attributes.ts'
import { get, MessageWriter, Method, parse } from '../../wire/message.ts'
import type { DoctorCheck } from '../check.ts'
import type { Facts, TurnEndpoint } from '../facts.ts'
import { type Finding, finding } from '../finding.ts'
import { openSession } from '../open.ts'
import { TurnSession } from '../turn-session.ts'
import { audienceHere } from './relaying-addresses.ts'

const PROBE = Buffer.from('a peer sends this to the relayed address')
/** Relayed ports that are tried, since a router may forward a part of the range. */
const PORTS = 8
const TRIES = 8
const INTERVAL = 250

/**
 * A peer that is not on the relay reaches relayed ports: the firewall and the
 * router let the range in. We are that peer ourselves, so this says nothing on
 * the relay's own machine or network, whose addresses the relay refuses.
 */
export const inbound: DoctorCheck = {
  name: 'inbound',
  needs: ['endpoints', 'credential'],
  async run(facts) {
    const allocated = facts.endpoints.filter(({ state }) => state.allocated)
    if (allocated.length === 0) return []
    const endpoint = allocated.find(({ transport }) => transport === 'udp')
    const tried = endpoint && (await knock(facts, endpoint))
    if (!endpoint || !tried) return audienceHere(facts) === 'public' ? [finding('inbound-unchecked')] : []
    const blocked = tried.filter(({ arrived }) => !arrived).map(({ relayed }) => relayed)
    const values = {
      relayed: formatIp(tried[0]!.relayed.ip),
      count: tried.length,
      ports: portList(blocked),
      open: portList(tried.filter(({ arrived }) => arrived).map(({ relayed }) => relayed)),
      ...rangeOf(facts),
    }
    const id =
      blocked.length === 0
        ? 'inbound-ok'
        : blocked.length < tried.length
          ? 'inbound-partly'
          : 'inbound-blocked'
    return [finding(id, values, { at: endpoint.label })]
  },
}

/** A relayed port that we have sent to, and whether that came out at the client. */
interface Knocked {
  readonly relayed: Address
  arrived: boolean
}

/** Sends to several relayed ports; undefined where we cannot be a peer. The relay picks the ports at random. */
async function knock(facts: Facts, endpoint: TurnEndpoint): Promise<readonly Knocked[] | undefined> {
  const link = await openUdpLink(endpoint.state.detour ?? endpoint.address)
  if (!link.ok) return undefined
  const us = link.value
  const sessions: TurnSession[] = []
  try {
    const mapped = await ownAddress(us)
    if (!mapped) return undefined
    const doors: (Knocked & { readonly session: TurnSession })[] = []
    while (doors.length < PORTS) {
      const opened = await openSession(endpoint, facts.credential)
      if (!opened.ok) break
      const session = opened.value
      sessions.push(session)
      const answer = await session.ask((client, now) => client.allocate({}, now))
      const relayed = answer.kind === 'allocated' ? answer.relayed[0] : undefined
      // The quota of a user may be smaller than what we would like to try.
      if (!relayed) break
      if (ipKey(mapped.ip) === ipKey(relayed.ip)) return undefined
      // A port that all share is tried by one session: of two, neither would be sent what comes.
      if (doors.some(door => sameAddress(door.relayed, relayed))) break
      const permitted = await session.ask((client, now) => client.permit([mapped], now))
      if (permitted.kind !== 'permitted') return undefined
      const door = { session, relayed, arrived: false }
      session.onData(({ bytes }) => {
        door.arrived ||= bytes.equals(PROBE)
      })
      doors.push(door)
    }
    for (let i = 0; i < TRIES && doors.some(({ arrived }) => !arrived); i++) {
      for (const { session, relayed, arrived } of doors) {
        if (arrived) continue
        us.send(PROBE, relayed)
        // Opens the way back through a firewall before the relay that only lets answers in.
        session.sendIndication(mapped, PROBE)
      }
      await pause(INTERVAL)
    }
    return doors.length > 0 ? doors : undefined
  } finally {
    us.close()
    await Promise.all(sessions.map(session => session.end()))
  }
}

function portList(addresses: readonly Address[]): string {
  return addresses
    .map(({ port }) => port)
    .toSorted((a, b) => a - b)
    .join(', ')
}

/** A STUN server elsewhere sees the relay at the relayed address, when it is asked through the relay. */
export const seenFromOutside: DoctorCheck = {
  name: 'seen-from-outside',
  needs: ['endpoints', 'credential'],
  async run(facts) {
    const { stun } = facts.subject
    const endpoint = facts.endpoints.find(({ state }) => state.allocated)
    if (!stun || !endpoint) return []
    const values = { server: `${stun.host}:${stun.port}` }
    const server = await resolve(stun.host, stun.port)
    if (!server) return [finding('stun-unknown', values)]
    const opened = await openSession(endpoint, facts.credential)
    if (!opened.ok) return []
    const session = opened.value
    try {
      return await throughRelay(session, server, endpoint, values)
    } finally {
      await session.end()
    }
  },
}

async function throughRelay(
  session: TurnSession,
  server: Address,
  { label }: TurnEndpoint,
  values: { server: string },
): Promise<Finding[]> {
  const at = { at: label }
  const answer = await session.ask((client, now) => client.allocate({ family: server.family }, now))
  const relayed = answer.kind === 'allocated' ? answer.relayed[0] : undefined
  if (!relayed) return []
  const permitted = await session.ask((client, now) => client.permit([server], now))
  if (permitted.kind !== 'permitted') return [finding('stun-denied', values, at)]
  let seen: Address | undefined
  session.onData(({ bytes }) => {
    const message = parse(bytes)
    if (message.kind === 'message') seen ??= get(message, XOR_MAPPED_ADDRESS)
  })
  const request = bindingRequest()
  for (let i = 0; i < TRIES && !seen; i++) {
    session.sendIndication(server, request)
    await pause(INTERVAL)
  }
  const all = {
    ...values,
    relayed: formatAddress(relayed),
    seen: seen ? formatAddress(seen) : '?',
    local: formatIp(relayed.ip),
    outside: seen ? formatIp(seen.ip) : '?',
  }
  if (!seen) return [finding('outside-silent', all, at)]
  if (ipKey(seen.ip) !== ipKey(relayed.ip)) return [finding('outside-differs', all, at)]
  return [finding(seen.port === relayed.port ? 'outside-ok' : 'outside-port', all, at)]
}

/** Asks the relay who we are, on a link that goes on to be used. */
async function ownAddress(link: ProbeLink): Promise<Address | undefined> {
  const session = new TurnSession(link)
  const answer = await session.ask((client, now) => client.binding(now), 2000)
  return answer.kind === 'mapped' ? answer.address : undefined
}

function rangeOf({ subject }: Facts): { from: number; to: number } {
  return subject.config?.settings.relay.ports ?? { from: 49152, to: 65535 }
}

async function resolve(host: string, port: number): Promise<Address | undefined> {
  const literal = parseIp(host)
  if (literal) return address(literal, port)
  try {
    const found = parseIp((await lookup(host)).address)
    return found && address(found, port)
  } catch {
    return undefined
  }
}

function bindingRequest(): Buffer {
  return new MessageWriter('request', Method.Binding, randomFillSync(Buffer.alloc(12))).finish()
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds))
}
