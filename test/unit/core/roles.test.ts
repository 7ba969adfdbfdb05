import t from 'tap'
import {
  type Address,
  address,
  asPeer,
  type ClientAddress,
  type PeerAddress,
  parseIp,
  type RelayedAddress,
  type WireAddress,
} from '../../../src/base/address.ts'
import type { Allocation, OpenAllocation } from '../../../src/core/allocation.ts'
import type { ReplyTo, SignedReplyTo } from '../../../src/core/reply.ts'
import { Sim } from '../../sim/sim.ts'

// Most of what stands here is checked by the compiler: an expected error that is none fails `npm run typecheck`.

const plain: Address = address(parseIp('192.0.2.10')!, 50_000)
const client: ClientAddress = plain
const relayed: RelayedAddress = plain
const wire: WireAddress = plain

function toPeer(peer: PeerAddress): PeerAddress {
  return peer
}

t.test('C-16: an address that has a role cannot be taken for one with another', async t => {
  // @ts-expect-error a client is not a peer
  toPeer(client)
  // @ts-expect-error a relayed address is somebody's peer only where that is said
  toPeer(relayed)
  // @ts-expect-error what a socket is bound to is not how a client knows a peer
  toPeer(wire)
  t.equal(toPeer(asPeer(relayed)), relayed)
  t.equal(toPeer(plain), plain, 'what has just arrived has no role yet')
})

t.test('C-16: an allocation that is opening holds nothing yet, and nobody can ask it', async t => {
  const sim = new Sim({ openDelay: 100 })
  const alice = sim.client('192.0.2.10:50000')
  alice.turn.allocate({}, sim.now)
  alice.flush()
  sim.settle()

  const [opening] = [...sim.relay.allocations()] as Allocation[]
  t.equal(opening?.state, 'opening')
  t.notOk('legs' in opening!)
  t.notOk('answered' in opening!)
  t.same([...sim.relay.openAllocations()], [])
  // @ts-expect-error it may have no answer
  const answered: Buffer | undefined = opening?.answered
  t.equal(answered, undefined)

  sim.advance(150)
  const [open] = [...sim.relay.openAllocations()]
  t.equal(open?.id, opening?.id)
  t.equal(open?.row, opening?.row)
  t.equal((open as OpenAllocation).legs.length, 1)
  t.equal(sim.allocations, 1)
})

t.test('C-16: the answer to a request that has proved itself is always signed', async t => {
  const unsigned = { signature: undefined } as ReplyTo
  // @ts-expect-error nothing has proved itself
  const signed: SignedReplyTo = unsigned
  t.equal(signed.signature, undefined)
})
