import t from 'tap'
import { parseAddress } from '../../../src/base/address.ts'
import type { AllocationId, MeterId } from '../../../src/base/ids.ts'
import type { Claim } from '../../../src/core/command.ts'
import type { AdmissionRefusal } from '../../../src/relay/admission.ts'
import type { FromWorker } from '../../../src/workers/protocol.ts'
import { RemoteGate } from '../../../src/workers/remote-gate.ts'

const alice = { tenant: 'example.org', user: '@alice:example.org' }
const client = parseAddress('192.0.2.10:50000')!
const meters = (...ids: number[]) => ids as MeterId[]

t.test('a claim is asked of the main thread and answered when that answers', async t => {
  const { gate, posted, ask } = start()

  const one = ask(1)
  const two = ask(2)
  t.match(posted, [
    { kind: 'claim', ask: { allocation: 1, owner: alice, client, port: 'any' } },
    { kind: 'claim', ask: { allocation: 2 } },
  ])
  t.same([one.answers, two.answers], [[], []])

  gate.refused(id(2), { code: 486, why: 'enough' })
  gate.admitted(id(1), meters())
  gate.admitted(id(1), meters())

  t.same(one.answers, [undefined])
  t.same(two.answers, [{ code: 486, why: 'enough' }])
})

t.test('only what was admitted can be released, and once', async t => {
  const { gate, posted, ask } = start()
  ask(1)
  gate.admitted(id(1), meters())
  ask(2)
  gate.refused(id(2), { code: 508, why: 'full' })
  posted.length = 0

  gate.confirm(id(1))
  gate.release(id(1))
  gate.release(id(1))
  gate.release(id(2))

  t.same(posted, [
    { kind: 'confirmed', allocation: 1 },
    { kind: 'released', allocation: 1 },
  ])
})

t.test('an owner has buckets while an allocation of theirs lives, and always the same list', async t => {
  const { gate, ask } = start()
  ask(1)
  ask(2)
  gate.admitted(id(1), meters(7, 8))
  gate.admitted(id(2), meters(7, 8))

  const taken = gate.take(alice)
  t.same(taken, [7, 8])
  t.equal(gate.take(alice), taken)
  gate.release(id(1))
  t.equal(gate.take(alice), taken)

  gate.setMeters([{ owner: alice, ids: meters(9) }])
  t.same(gate.take(alice), [9])
  gate.release(id(2))
  t.same(gate.take(alice), [])
})

function start() {
  const posted: FromWorker[] = []
  const gate = new RemoteGate(message => void posted.push(message))
  const ask = (allocation: number) => {
    const answers: (AdmissionRefusal | undefined)[] = []
    const claim: Claim = { allocation: id(allocation), owner: alice, client, families: [4], port: 'any' }
    gate.admit(claim, refusal => void answers.push(refusal))
    return { answers }
  }
  return { gate, posted, ask }
}

function id(allocation: number): AllocationId {
  return allocation as AllocationId
}

t.test('whoever takes over from another worker has the buckets of what that one held', async t => {
  const { gate, posted } = start()
  gate.resume([
    { allocation: id(1), owner: alice, ids: meters(3, 4) },
    { allocation: id(2), owner: alice, ids: meters(3, 4) },
  ])
  t.same(gate.take(alice), [3, 4])
  gate.release(id(1))
  t.same(gate.take(alice), [3, 4])
  gate.release(id(2))
  t.same(gate.take(alice), [])
  t.same(posted, [
    { kind: 'released', allocation: 1 },
    { kind: 'released', allocation: 2 },
  ])
})
