import { address, type PeerAddress } from '../../base/address.ts'
import { Counter } from '../../base/counters.ts'
import type { Time } from '../../base/time.ts'
import { DATA, DONT_FRAGMENT, XOR_PEER_ADDRESS } from '../../wire/attributes.ts'
import { get, has, type Message } from '../../wire/message.ts'
import type { OpenAllocation } from '../allocation.ts'
import type { Command } from '../command.ts'
import { toPeer } from '../data.ts'
import { isAdmitted, legFor } from '../peers/admitted.ts'
import type { RelayState } from '../relay-state.ts'

/** Takes a Send indication (RFC 8656 §11.2). Whatever is wrong with it, the answer is silence. */
export function send(state: RelayState, allocation: OpenAllocation, message: Message, now: Time): Command[] {
  const { book, config, counters } = state
  const drop = (counter: number): Command[] => {
    counters.add(counter)
    return []
  }

  const dontFragment = has(message, DONT_FRAGMENT)
  if (dontFragment && !config.dontFragment) return drop(Counter.dropUnknownAttribute)
  const sent = get(message, XOR_PEER_ADDRESS)
  const data = get(message, DATA)
  if (!sent || !data) return drop(Counter.dropMalformed)
  const peer: PeerAddress = address(Uint8Array.from(sent.ip), sent.port)
  if (!legFor(book, allocation, peer.family, now)) return drop(Counter.dropFamily)
  if (!isAdmitted(book, allocation, peer, now)) return drop(Counter.dropNoPermission)
  return toPeer(state, allocation, peer, data, now, dontFragment)
}
