import { DATA, ICMP, XOR_PEER_ADDRESS } from '../wire/attributes.ts'
import { get, type Message, Method } from '../wire/message.ts'
import { ignored, type TurnEvent } from './turn-event.ts'

/** Reads a Data indication: data, or what an ICMP error said (RFC 8656 §11.4, §11.6). */
export function readIndication(message: Message): TurnEvent {
  if (message.method !== Method.Data) return ignored('not-for-clients', message.bytes)
  const peer = get(message, XOR_PEER_ADDRESS)
  if (!peer) return ignored('incomplete', message.bytes)
  const icmp = get(message, ICMP)
  if (icmp) return { kind: 'icmp', peer, ...icmp }
  const bytes = get(message, DATA)
  if (!bytes) return ignored('incomplete', message.bytes)
  return { kind: 'data', peer, channel: undefined, bytes }
}
