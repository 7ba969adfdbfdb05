import { type Address, address, formatIp, ipKey, parseIp } from '../../base/address.ts'
import { contains } from '../../base/range.ts'
import type { Seconds } from '../../base/time.ts'
import { ownAddresses } from '../../net/kernel/machine.ts'
import { LIFETIME, NONCE, REALM, REQUESTED_TRANSPORT, USERNAME } from '../../wire/attributes.ts'
import { Method } from '../../wire/message.ts'
import type { DoctorCheck } from '../check.ts'
import type { Facts, TurnEndpoint } from '../facts.ts'
import { type Finding, finding } from '../finding.ts'
import { openSession } from '../open.ts'
import { gateway } from '../proc.ts'
import type { TurnSession } from '../turn-session.ts'
import { codeOf } from './relaying.ts'
import { relayed } from './relaying-addresses.ts'

/** Addresses that a relay must not reach for anybody: what lies behind them trusts its own network. */
// biome-ignore format: a list
const FORBIDDEN = [
  '127.0.0.1', '0.0.0.0', '10.0.0.1', '172.16.0.1', '192.168.0.1', '100.64.0.1', '169.254.169.254',
  '224.0.0.1', '255.255.255.255',
  '::1', '::', 'fe80::1', 'fd00::1', 'fd00:ec2::254', 'ff02::1', '64:ff9b::7f00:1', '2002:7f00:1::',
] as const

const TCP = 6

/** Every address that must not be reached is refused, in every spelling. */
export const forbidden: DoctorCheck = {
  name: 'forbidden',
  needs: ['endpoints', 'credential'],
  async run(facts) {
    const endpoint = usable(facts)
    if (!endpoint) return []
    const open: Uint8Array[] = []
    let asked = 0
    for (const family of [4, 6] as const) {
      const opened = await openSession(endpoint, facts.credential)
      if (!opened.ok) continue
      const session = opened.value
      const answer = await session.ask((client, now) => client.allocate({ family }, now))
      if (answer.kind === 'allocated') {
        const own = new Set([...session.relayed.map(({ ip }) => ip), ...configured(facts)].map(ipKey))
        for (const peer of peersToTry(facts, family)) {
          // Its own relayed address a relay reaches inside itself, and nothing else there.
          if (own.has(ipKey(address(peer.ip, 0).ip))) continue
          asked++
          const permitted = await session.ask((client, now) => client.permit([peer], now), 2000)
          if (permitted.kind === 'permitted') open.push(peer.ip)
        }
      }
      await session.end()
    }
    if (asked === 0) return []
    const at = { at: endpoint.label }
    if (open.length === 0) return [finding('forbidden-ok', { count: asked }, at)]
    const severity = open.every(ip => isAllowed(facts, ip)) ? 'warn' : 'error'
    return [finding('peer-reachable', { addresses: open.map(formatIp).join(', ') }, { ...at, severity })]
  },
}

/** What nobody needs is not offered: TCP relaying; and a stale nonce is answered by a fresh one. */
export const extras: DoctorCheck = {
  name: 'extras',
  needs: ['endpoints', 'credential'],
  async run(facts) {
    const endpoint =
      facts.endpoints.find(({ state, transport }) => state.allocated && transport !== 'udp') ?? usable(facts)
    if (!endpoint) return []
    const at = { at: endpoint.label }
    const found: Finding[] = []
    const opened = await openSession(endpoint, facts.credential)
    if (!opened.ok) return []
    const session = opened.value
    try {
      const tcp = await session.ask((client, now) => client.allocate({ transport: TCP }, now))
      if (tcp.kind === 'allocated') {
        found.push(finding('tcp-relay', {}, at))
      }
      const code = await staleNonce(session, facts)
      if (code !== 438 && code !== 0) found.push(finding('stale-nonce', { code }, at))
    } finally {
      await session.end()
    }
    return found.length > 0 ? found : [finding('extras-ok', {}, at)]
  },
}

function usable(facts: Facts): TurnEndpoint | undefined {
  return facts.credential && facts.endpoints.find(({ state }) => state.allocated)
}

function peersToTry(facts: Facts, family: 4 | 6): Address[] {
  const listed = FORBIDDEN.map(text => parseIp(text)!).filter(ip => (ip.length === 4 ? 4 : 6) === family)
  const peers = listed.map(ip => address(ip, 9))
  if (family === 4) {
    // The long way to write an IPv4 address. `address` would shorten it, which is what the relay has to do.
    peers.push({ family: 6, ip: parseIp('::ffff:127.0.0.1')!, port: 9, key: '::ffff:127.0.0.1' })
  }
  if (!facts.isOnRelay) return peers
  const near = [...ownAddresses(), ...(gateway() ? [gateway()!] : [])]
  return [...peers, ...near.filter(ip => (ip.length === 4 ? 4 : 6) === family).map(ip => address(ip, 9))]
}

/** True where the operator has opened it by name. */
function isAllowed({ subject }: Facts, ip: Uint8Array): boolean {
  return (subject.config?.settings.peers.allow ?? []).some(range => contains(range, address(ip, 0).ip))
}

/** The relay's own relayed addresses, where its configuration is known. */
function configured(facts: Facts): Uint8Array[] {
  return relayed(facts).map(({ public: shown }) => shown)
}

/** Signs a request with a nonce that cannot be good any more, and returns the code of the answer. */
async function staleNonce(session: TurnSession, { credential }: Facts): Promise<number> {
  const { key, realm } = session
  if (!key || realm === undefined || !credential) return 0
  const answer = await session.ask((client, now) =>
    client.request(
      Method.Allocate,
      writer =>
        writer
          .set(REQUESTED_TRANSPORT, 17)
          .set(LIFETIME, 60 as Seconds)
          .set(USERNAME, credential.username)
          .set(REALM, realm)
          .set(NONCE, 'a nonce of the day before'),
      now,
    ),
  )
  return codeOf(answer)
}
