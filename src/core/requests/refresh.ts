import { after, type Time } from '../../base/time.ts'
import { familyCode } from '../../wire/address-shapes.ts'
import { LIFETIME, REQUESTED_ADDRESS_FAMILY, SOFTWARE } from '../../wire/attributes.ts'
import { get } from '../../wire/message.ts'
import { close, closeLeg } from '../close.ts'
import type { Command } from '../command.ts'
import type { Context } from '../context.ts'
import { answer, success } from '../reply.ts'
import { allocationOf, grant, type Request, refuse } from './request.ts'

/**
 * Answers an authenticated Refresh request (RFC 8656 §8.2). With
 * REQUESTED-ADDRESS-FAMILY it acts on that family of a dual allocation only.
 */
export function refresh(context: Context, request: Request): Command[] {
  const { message, reply } = request
  const now = reply.at
  const repeated = context.book.remembered(reply.socket, reply.to, reply.transaction, now)
  if (repeated) return [{ kind: 'send', socket: reply.socket, to: reply.to, bytes: repeated }]

  const found = allocationOf(context, request)
  if (!found.ok) return found.error
  const allocation = found.value
  const family = get(message, REQUESTED_ADDRESS_FAMILY)
  const legs = allocation.legs.filter(
    ({ relay }) => family === undefined || familyCode(relay.family) === family,
  )
  if (legs.length === 0)
    return refuse(context, request, 443, 'mismatch', `no relayed address of family ${family}`)

  const asked = get(message, LIFETIME)
  const granted = asked === 0 ? 0 : grant(context, asked)
  const writer = success(reply).set(LIFETIME, granted as typeof allocation.firstLifetime)
  if (context.config.software) writer.set(SOFTWARE, context.config.software)
  const command = answer(reply, writer)

  if (granted > 0) {
    const until = after(now, granted)
    for (const leg of legs) context.book.lifetimes.set(leg.lifetime, until)
    allocation.due = Math.min(allocation.due, until) as Time
    return [command]
  }
  context.book.remember(reply.socket, reply.to, reply.transaction, command.bytes, now)
  if (legs.length === allocation.legs.length) return [command, ...close(context, allocation, 'released', now)]
  allocation.legs = allocation.legs.filter(leg => !legs.includes(leg))
  return [command, ...legs.flatMap(leg => closeLeg(context, allocation, leg))]
}
