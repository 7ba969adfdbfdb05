import { MAPPED_ADDRESS, SOFTWARE, XOR_MAPPED_ADDRESS } from '../../wire/attributes.ts'
import type { Command } from '../command.ts'
import type { RelayState } from '../relay-state.ts'
import { answer, type ReplyTo, success } from '../reply.ts'

/**
 * Answers a Binding request with the address it came from (RFC 8489 §12).
 * Nobody is asked who they are, and nothing is kept. A classic request gets
 * MAPPED-ADDRESS, since it cannot read the other (RFC 5389 §12.2).
 */
export function binding(state: RelayState, reply: ReplyTo, classic: boolean): Command[] {
  const { config } = state
  const writer = success(reply)
  if (classic) return [answer(reply, writer.set(MAPPED_ADDRESS, reply.to))]
  writer.set(XOR_MAPPED_ADDRESS, reply.to)
  if (config.mappedAddress) writer.set(MAPPED_ADDRESS, reply.to)
  if (config.software) writer.set(SOFTWARE, config.software)
  return [answer(reply, writer)]
}
