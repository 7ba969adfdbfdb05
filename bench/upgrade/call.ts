import type { Address, Family } from '../../src/base/address.ts'
import type { Via, Wire } from '../support/wire.ts'
import { Leg, type Place } from './leg.ts'
import type { TalkersRound } from './talker.ts'
import type { Heard } from './tally.ts'

/** How one call is: a client, and another client behind the same relay or a peer without one. */
export interface CallManner {
  readonly via: Via
  readonly other: Via | 'peer'
  readonly family: Family
  readonly method: 'channel' | 'indication'
}

/** Calls are judged by the worst of their two ways to the relay. */
export type Kind = Via

const VIAS: readonly Via[] = ['udp', 'udp', 'tcp', 'tls']
const OTHERS: readonly CallManner['other'][] = ['peer', 'udp', 'peer', 'tcp', 'peer', 'udp', 'peer', 'tls']
const MANNERS: readonly CallManner[] = VIAS.flatMap(via =>
  OTHERS.flatMap(other =>
    ([4, 6] as const).flatMap(family =>
      (['channel', 'indication'] as const).map(method => ({ via, other, family, method })),
    ),
  ),
)
/** Has no factor in common with the number of manners, so that a few calls are of many kinds. */
const STRIDE = 37

/** The manner of the call with this number: in any few dozen of them there is every transport, family and method. */
export function mannerOf(number: number): CallManner {
  return MANNERS[(number * STRIDE) % MANNERS.length]!
}

export function kindOf({ via, other }: CallManner): Kind {
  const vias = [via, other]
  return vias.includes('tls') ? 'tls' : vias.includes('tcp') ? 'tcp' : 'udp'
}

/** Octets of a packet, as of speech. */
export const LENGTH = 160

/** Someone without a relay. */
export interface Peer {
  readonly address: Address
  /** From now on talks to this client. */
  meet(relayed: Address): Promise<void>
  close(): void
}

/** Opens what calls need. */
export interface Opener<W extends Wire, P extends Peer> {
  wire(via: Via, family: Family): Promise<W>
  peer(family: Family): Promise<P>
}

/** Who is in a call: two clients, or a client and a peer. */
export interface Parties<W extends Wire, P extends Peer> {
  readonly legs: readonly Leg<W>[]
  readonly peer: P | undefined
}

/** Has both sides of a call allow each other. */
export async function openParties<W extends Wire, P extends Peer>(
  number: number,
  { via, other, family, method }: CallManner,
  place: Place,
  opener: Opener<W, P>,
): Promise<Parties<W, P>> {
  const openLeg = async (side: string, via: Via) => {
    const user = `@${side}${number}:example.org`
    return Leg.open({ via, family, method, user }, place, await opener.wire(via, family))
  }
  const one = await openLeg('one', via)
  if (other === 'peer') {
    const peer = await opener.peer(family)
    await one.meet(peer.address)
    await peer.meet(one.relayed)
    return { legs: [one], peer }
  }
  const two = await openLeg('two', other)
  await Promise.all([one.meet(two.relayed), two.meet(one.relayed)])
  return { legs: [one, two], peer: undefined }
}

/** A call, which both sides talk in. Each packet has a number and the time when it was sent. */
export abstract class Call {
  readonly kind: Kind
  readonly #legs: readonly Leg[]
  readonly #peer: Peer | undefined

  protected constructor(kind: Kind, { legs, peer }: Parties<Wire, Peer>) {
    this.kind = kind
    this.#legs = legs
    this.#peer = peer
  }

  /** Both sides say something, unless a talker has them do so. */
  abstract talk(): void

  /** What each side has heard since the last time; `round` is what the talker has heard. */
  abstract round(round: TalkersRound, now: number): Heard[]

  /** Allocations that it has. */
  get allocations(): number {
    return this.#legs.length
  }

  /** Allocations that the relay does not have any more. */
  async missing(): Promise<number> {
    const alive = await Promise.all(this.#legs.map(leg => leg.isAlive()))
    return alive.filter(is => !is).length
  }

  async end(): Promise<void> {
    await Promise.all(this.#legs.map(leg => leg.release()))
    this.#peer?.close()
  }

  close(): void {
    for (const leg of this.#legs) leg.close()
    this.#peer?.close()
  }
}
