import type { FiveTuple } from '../../base/five-tuple.ts'
import { failed, type Result, succeeded } from '../../base/result.ts'
import type { Mobility, OpenAllocation } from '../allocation.ts'
import type { Command } from '../command.ts'
import { isAt } from '../mobility/tuples.ts'
import type { RelayState } from '../relay-state.ts'
import { isSameUser, type Request, refuse } from './request.ts'

/** An allocation whose client may move to where its Refresh came from. */
export interface Resumed {
  readonly allocation: OpenAllocation
  readonly mobility: Mobility
  /** Where the request came from. */
  readonly client: FiveTuple
}

/**
 * The allocation that a Refresh with a MOBILITY-TICKET is about (RFC 8016
 * §3.2.2). The error is the answer: a refusal, or the one that was given before.
 */
export function resumed(state: RelayState, request: Request, ticket: Buffer): Result<Resumed, Command[]> {
  const { book, config, tickets } = state
  const { socket, to, via, transaction } = request.reply
  const bad = (detail: string) => failed(refuse(state, request, 400, 'bad-request', detail))
  if (!config.mobility) return failed(refuse(state, request, 405, 'unsupported', 'protocol.mobility'))
  const opened = tickets.open(ticket)
  if (!opened) return bad('the MOBILITY-TICKET is not one of ours')

  const allocation = book.byId.get(opened.allocation)
  const mobility = allocation?.mobility
  if (allocation?.state !== 'open' || !mobility) {
    return failed(refuse(state, request, 437, 'mismatch', 'the allocation of the ticket has ended'))
  }
  if (!isSameUser(allocation.identity, request.identity)) {
    return failed(refuse(state, request, 441, 'wrong-user', 'another user made this allocation'))
  }
  const { answered } = mobility
  if (answered?.transaction.equals(transaction) && isAt(answered.client, socket, to)) {
    return failed([{ kind: 'send', socket, to, bytes: answered.bytes }])
  }
  if (opened.number < mobility.oldest || opened.number > mobility.latest)
    return bad('a newer MOBILITY-TICKET has been used')
  if (isAt(allocation.client, socket, to)) return bad('a MOBILITY-TICKET where the allocation is')
  const other = book.of(socket, to)
  if (other && other !== allocation) {
    return failed(refuse(state, request, 437, 'mismatch', 'the 5-tuple has another allocation'))
  }
  // A client that has this ticket needs no older one.
  mobility.oldest = opened.number
  return succeeded({ allocation, mobility, client: { socket, address: to, via } })
}
