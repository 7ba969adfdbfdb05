import { type Address, address, formatIp, sameAddress } from '../../base/address.ts'
import type { ChannelNumber } from '../../base/ids.ts'
import type { EndpointCheck } from '../check.ts'
import { finding } from '../finding.ts'
import { measure } from '../measure.ts'
import type { TurnAnswer, TurnSession } from '../turn-session.ts'

const CHANNEL = 0x4000 as ChannelNumber
const PACKETS = 200
const OCTETS = 1200
/** Percent of packets lost at which video stutters for everybody. */
const LOSS_WARN = 2

/**
 * Two allocations of this relay send to each other, as in a call whose ends
 * both may use the relay only: by Send indication and by ChannelData, and then
 * a second or so of what a video call sends.
 */
export const relaying: EndpointCheck = {
  name: 'relaying',
  async run(facts, { state, label }) {
    if (!state.pair) return []
    const at = { at: label }
    const [a, b] = state.pair
    const [toA, toB] = [a.relayed[0]!, b.relayed[0]!]
    const permitted = [
      await a.ask((client, now) => client.permit([toB], now)),
      await b.ask((client, now) => client.permit([toA], now)),
    ]
    const denied = permitted.find(answer => answer.kind !== 'permitted')
    if (denied) {
      const code = codeOf(denied)
      const values = { relayed: formatIp(toB.ip), code }
      return [finding(code === 403 ? 'relay-to-relay-denied' : 'permission-refused', values, at)]
    }
    if (!(await passes(a, () => b.sendIndication(toA, PROBE), toB))) return [finding('relay-silent', {}, at)]
    const bound = await a.ask((client, now) => client.bind(CHANNEL, toB, now))
    if (bound.kind !== 'bound') return [finding('channel-refused', { code: codeOf(bound) }, at)]
    const outward = await passes(b, () => a.sendChannel(CHANNEL, PROBE), toA)
    const inward = await passes(a, () => b.sendIndication(toA, PROBE), toB)
    if (!outward || !inward) return [finding('channel-silent', {}, at)]
    facts.report(label)
    const { lost, median, worst } = await measure(a, b, CHANNEL, PACKETS, OCTETS)
    const percent = Math.round((lost / PACKETS) * 1000) / 10
    const values = { packets: PACKETS, octets: OCTETS, percent, median, worst }
    return [finding(percent > LOSS_WARN ? 'loss' : 'relays', values, at)]
  },
}

/** Allocations end when they are given back, and a stale nonce is told apart from a wrong password. */
export const ending: EndpointCheck = {
  name: 'ending',
  async run(_facts, { state, label }) {
    if (!state.pair) return []
    const [a, b] = state.pair
    delete state.pair
    try {
      const at = { at: label }
      const ended = await a.ask((client, now) => client.release(now), 2000)
      const after = await a.ask(
        (client, now) => client.permit([address(Uint8Array.of(192, 0, 2, 1), 9)], now),
        2000,
      )
      await b.ask((client, now) => client.release(now), 2000)
      const isOver = ended.kind === 'refreshed' && codeOf(after) === 437
      return [finding(isOver ? 'ends' : 'does-not-end', { code: codeOf(after) }, at)]
    } finally {
      a.close()
      b.close()
    }
  },
}

const PROBE = Buffer.from('is anybody there?')

/** Sends up to five times, and tells whether it came out at the other end, from the right peer. */
export async function passes(
  to: TurnSession,
  send: () => void,
  sender: Address | undefined,
): Promise<boolean> {
  let arrived = false
  to.onData(({ peer, bytes }) => {
    if (bytes.equals(PROBE) && (!sender || sameAddress(peer, sender))) arrived = true
  })
  for (let i = 0; i < 5 && !arrived; i++) {
    send()
    for (let waited = 0; waited < 300 && !arrived; waited += 10) await pause(10)
  }
  return arrived
}

export function codeOf(answer: TurnAnswer): number {
  return answer.kind === 'rejected' ? answer.code : 0
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds))
}
