import { Counter } from '../../base/counters.ts'
import type { AllocationId } from '../../base/ids.ts'
import { MOBILITY_TICKET } from '../../wire/attributes.ts'
import { get, type Message, Method } from '../../wire/message.ts'
import type { Allocation } from '../allocation.ts'
import type { Command } from '../command.ts'
import type { RelayState } from '../relay-state.ts'
import type { ReplyTo } from '../reply.ts'
import type { Ticket } from './tickets.ts'

/** What the ticket of a request names, before anything of it is verified but that the ticket is ours. */
export interface Named {
  readonly ticket: Ticket
  /** Where it is here. */
  readonly allocation: Allocation | undefined
}

/** What a Refresh with a ticket of ours is about. */
export function nameByTicket({ book, config, tickets }: RelayState, message: Message): Named | undefined {
  if (!config.mobility || message.method !== Method.Refresh) return undefined
  const octets = get(message, MOBILITY_TICKET)
  const ticket = octets && tickets.open(octets)
  return ticket && { ticket, allocation: book.byId.get(ticket.allocation) }
}

/** Whether another shard may hold what a ticket names. */
export function mayBeElsewhere({ environment }: RelayState, { ticket, allocation }: Named): boolean {
  return !allocation && environment.siblings?.mayHold(ticket.allocation) === true
}

/**
 * Has the shard that holds an allocation answer a Refresh with its ticket. Its
 * nonce has been found fresh; only that shard knows the user's key for certain.
 */
export function refer(
  { config, counters, pace }: RelayState,
  message: Message,
  reply: ReplyTo,
  allocation: AllocationId,
): Command[] {
  if (!pace.takeUnverified(reply, config.limits.requestsPerUserPerSecond)) {
    counters.add(Counter.dropRequests)
    return []
  }
  const client = { socket: reply.socket, address: reply.to, via: reply.via }
  return [{ kind: 'refer', allocation, client, bytes: message.bytes }]
}
