import type { Address } from '../../src/base/address.ts'
import type { TurnEvent } from '../../src/client/turn-event.ts'
import { type CallClient, callClientWith } from './call-client.ts'
import type { Credential } from './credentials.ts'

/** A credential as homeservers and issuers hand it out. */
export interface Issued extends Credential {
  readonly ttl: number
  readonly uris: readonly string[]
}

/** The port of the first UDP URI that was handed out for 127.0.0.1. */
export function portOf({ uris }: Issued): number {
  for (const uri of uris) {
    const port = /^turn:127\.0\.0\.1:([0-9]+)\?transport=udp$/.exec(uri)?.[1]
    if (port) return Number(port)
  }
  throw new Error(`no URI for UDP on loopback among ${uris.join(' ')}`)
}

/** What an Allocate with this credential comes to: `allocated`, or the error code. */
export async function tryAllocate(issued: Issued): Promise<string> {
  const client = await callClientWith(portOf(issued), issued)
  try {
    return outcome(await client.allocate())
  } finally {
    client.close()
  }
}

export function outcome(event: TurnEvent): string {
  return event.kind === 'rejected' ? `rejected ${event.code}` : event.kind
}

/** Two clients that relay to each other, each from its own relayed address. */
export interface Pair {
  readonly ends: readonly [CallClient, CallClient]
  /** Sends a text each way and resolves when both have come. */
  exchange(text: string): Promise<void>
  close(): void
}

/** Allocates with two credentials and permits each relayed address to the other. */
export async function pairUp(a: Issued, b: Issued): Promise<Pair> {
  const ends = [await callClientWith(portOf(a), a), await callClientWith(portOf(b), b)] as const
  const relayed: Address[] = []
  for (const end of ends) {
    const event = await end.allocate()
    if (event.kind !== 'allocated') throw new Error(`no allocation: ${outcome(event)}`)
    relayed.push(event.relayed[0]!)
  }
  for (const [i, end] of ends.entries()) {
    const event = await end.bind(0x4000, relayed[1 - i]!)
    if (event.kind !== 'bound') throw new Error(`no channel: ${outcome(event)}`)
  }
  return {
    ends,
    exchange: async text => {
      const expected = ends.map(end => end.inbox.length + 1)
      for (const end of ends) end.send(0x4000, text)
      await Promise.all(ends.map((end, i) => end.received(expected[i]!)))
    },
    close: () => {
      for (const end of ends) end.close()
    },
  }
}
