import { randomFillSync } from 'node:crypto'
import { type Address, formatAddress, formatIp, ipKey, sameAddress } from '../../base/address.ts'
import { failed, type Result, succeeded } from '../../base/result.ts'
import { isUdpClosed, type LinkFault } from '../../dial/link.ts'
import { ownAddresses } from '../../net/kernel/machine.ts'
import { scopeOf } from '../../net/ports/relay-addresses.ts'
import { MessageWriter, Method } from '../../wire/message.ts'
import type { EndpointCheck } from '../check.ts'
import type { Facts, TurnEndpoint } from '../facts.ts'
import { type Finding, finding } from '../finding.ts'
import { openSession } from '../open.ts'
import type { TurnSession } from '../turn-session.ts'
import { reachable } from './listeners.ts'
import { publicAddresses, whereabouts } from './whereabouts.ts'

/**
 * The largest answer to a bare Binding of 20 octets that reflects no more than
 * it must: 1.6-fold, and what IPv6 adds.
 */
const SMALL_ANSWER = { 4: 40, 6: 52 } as const

/** The relay answers STUN at this URI and address, and sees us as who we are. */
export const reach: EndpointCheck = {
  name: 'reach',
  async run(facts, endpoint) {
    const first = await attempt(endpoint)
    if (first.ok) return reached(endpoint, first.value, facts)
    const detour = behindRouter(facts, endpoint)
    if (detour) {
      endpoint.state.detour = detour
      const second = await attempt(endpoint)
      if (second.ok) {
        const values = { address: formatAddress(endpoint.address), listener: formatAddress(detour) }
        return [finding('hairpin', values, { at: endpoint.label }), ...reached(endpoint, second.value, facts)]
      }
      delete endpoint.state.detour
    }
    const cause = first.error.why === 'unreachable' ? undefined : misled(facts, endpoint)
    return [cause ?? (await unreached(endpoint, first.error, facts))]
  },
}

interface Reached {
  readonly session: TurnSession
  readonly mapped: Address | undefined
}

async function attempt(endpoint: TurnEndpoint): Promise<Result<Reached, LinkFault>> {
  const opened = await openSession(endpoint)
  if (!opened.ok) return opened
  const session = opened.value
  const answer = await session.ask((client, now) => client.binding(now), 2600)
  session.close()
  if (answer.kind === 'mapped') return succeeded({ session, mapped: answer.address })
  // An error answer is an answer, too.
  if (answer.kind !== 'silent') return succeeded({ session, mapped: undefined })
  return failed(answer.fault ?? { why: 'timeout', detail: 'no answer' })
}

function reached(endpoint: TurnEndpoint, { session, mapped }: Reached, facts: Facts): Finding[] {
  const { label, address, transport, audience, state } = endpoint
  state.reached = true
  const found: Finding[] = [finding('reached', {}, { at: label })]
  const asked = state.detour ?? address
  if (session.from && !sameAddress(session.from, asked)) {
    state.reached = false
    return [
      finding(
        'answer-elsewhere',
        { asked: formatAddress(asked), from: formatAddress(session.from) },
        { at: label },
      ),
    ]
  }
  const { sizes } = session
  if (transport === 'udp' && sizes && sizes.answered > SMALL_ANSWER[address.family]) {
    const factor = (sizes.answered / sizes.asked).toFixed(1)
    found.push(finding('amplification', { ...sizes, factor }, { at: label }))
  }
  const isOdd = mapped && audience === 'public' && scopeOf(mapped.ip) !== 'public'
  if (isOdd && facts.subject.fromOutside) {
    found.push(finding('mapped-private', { mapped: formatIp(mapped.ip) }, { at: label }))
  }
  return found
}

/**
 * Where the URI does not lead to this machine: that is the cause of whatever
 * else was seen there, or means that it cannot be seen from here.
 */
function misled(facts: Facts, endpoint: TurnEndpoint): Finding | undefined {
  const { address, label, uri, state, transport } = endpoint
  const where = whereabouts(facts, endpoint)
  const values = { host: uri.host, address: formatAddress(address), uri: uri.text }
  if (where === 'elsewhere') {
    state.elsewhere = true
    const ours = publicAddresses(facts).map(formatIp).join(', ')
    return finding('name-elsewhere', { host: uri.host, address: formatIp(address.ip), ours }, { at: label })
  }
  const listen = facts.subject.config?.settings.listen ?? []
  const isListener = listen.some(one => one.transport === transport && one.address.port === address.port)
  // A router may map the port to another one, and need not do so for those inside.
  if (where === 'unknown' || (where === 'router' && !isListener)) {
    return finding('not-from-here', values, { at: label })
  }
  return undefined
}

async function unreached(endpoint: TurnEndpoint, fault: LinkFault, facts: Facts): Promise<Finding> {
  const { address, transport, isSecondFamily, label, uri } = endpoint
  const values = {
    host: uri.host,
    port: address.port,
    address: formatAddress(address),
    transport,
    detail: fault.detail,
  }
  const at = { at: label }
  if (fault.why === 'unreachable')
    return finding('no-way-there', { ...values, family: `IPv${address.family}` }, at)
  if (isSecondFamily) return finding('aaaa-silent', values, at)
  const listen = facts.subject.config?.settings.listen ?? []
  const isCutOff = fault.why === 'closed' || fault.why === 'tls'
  if (transport !== 'udp' && isCutOff && listen.some(one => one.proxy))
    return finding('proxy-front', values, at)
  if (fault.why === 'not-stun') return finding('not-stun', values, at)
  if (transport === 'udp') {
    const closed = await isUdpClosed(address, bindingRequest(), 600)
    return finding(closed ? 'udp-closed' : 'udp-silent', values, at)
  }
  if (fault.why === 'refused') return finding('tcp-refused', values, at)
  if (transport === 'tls' && fault.why !== 'timeout') return finding('tls-handshake', values, at)
  // The connection stands, but what is behind it does not speak STUN.
  if (fault.why === 'closed') return finding('not-stun', values, at)
  const isOurs = facts.isOnRelay && ownAddresses().some(ip => ipKey(ip) === ipKey(address.ip))
  return finding('tcp-silent', values, { ...at, ...(isOurs && { severity: 'error' as const }) })
}

/**
 * The listener behind a public address that this machine has no route to,
 * since few home routers send their own network's packets back (hairpin).
 */
function behindRouter(facts: Facts, endpoint: TurnEndpoint): Address | undefined {
  const { address, transport } = endpoint
  const listener = facts.subject.config?.settings.listen.find(
    one =>
      !one.proxy &&
      one.transport === transport &&
      one.address.port === address.port &&
      one.address.family === address.family,
  )
  return listener && whereabouts(facts, endpoint) === 'router' ? reachable(listener.address) : undefined
}

function bindingRequest(): Buffer {
  return new MessageWriter('request', Method.Binding, randomFillSync(Buffer.alloc(12))).finish()
}
