import { after, type Time } from '../../base/time.ts'
import { familyCode } from '../../wire/address-shapes.ts'
import { LIFETIME, REQUESTED_ADDRESS_FAMILY, SOFTWARE } from '../../wire/attributes.ts'
import { get } from '../../wire/message.ts'
import { close, closeLeg } from '../close.ts'
import type { Command } from '../command.ts'
import type { RelayState } from '../relay-state.ts'
import { answer, success } from '../reply.ts'
import { allocationOf, grant, type Request, refuse } from './request.ts'

/**
 * Answers an authenticated Refresh request (RFC 8656 §8.2). With
 * REQUESTED-ADDRESS-FAMILY it acts on that family of a dual allocation only.
 */
export function refresh(state: RelayState, request: Request): Command[] {
  const { message, reply } = request
  const now = reply.at
  const repeated = state.book.remembered(reply.socket, reply.to, reply.transaction, now)
  if (repeated) return [{ kind: 'send', socket: reply.socket, to: reply.to, bytes: repeated }]

  const found = allocationOf(state, request)
  if (!found.ok) return found.error
  const allocation = found.value
  const family = get(message, REQUESTED_ADDRESS_FAMILY)
  const legs = allocation.legs.filter(
    ({ relay }) => family === undefined || familyCode(relay.family) === family,
  )
  if (legs.length === 0)
    return refuse(state, request, 443, 'mismatch', `no relayed address of family ${family}`)

  const asked = get(message, LIFETIME)
  const granted = asked === 0 ? 0 : grant(state, asked)
  const writer = success(reply).set(LIFETIME, granted as typeof allocation.firstLifetime)
  if (state.config.software) writer.set(SOFTWARE, state.config.software)
  const command = answer(reply, writer)

  if (granted > 0) {
    const until = after(now, granted)
    for (const leg of legs) state.book.lifetimes.set(leg.lifetime, until)
    allocation.due = Math.min(allocation.due, until) as Time
    return [command]
  }
  state.book.remember(reply.socket, reply.to, reply.transaction, command.bytes, now)
  if (legs.length === allocation.legs.length) return [command, ...close(state, allocation, 'released', now)]
  allocation.legs = allocation.legs.filter(leg => !legs.includes(leg))
  return [command, ...legs.flatMap(leg => closeLeg(state, allocation, leg))]
}
