import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { address, parseAddress } from '../../../src/base/address.ts'
import type { AllocationId, SocketId } from '../../../src/base/ids.ts'
import type { Time } from '../../../src/base/time.ts'
import type { Via } from '../../../src/base/via.ts'
import { Disguise } from '../../../src/recording/disguise.ts'
import { readLine, writeLine } from '../../../src/recording/line.ts'
import { maskDatagram } from '../../../src/recording/masked-datagram.ts'
import { Masks } from '../../../src/recording/masks.ts'
import { Player } from '../../../src/recording/player.ts'
import { Recorder } from '../../../src/recording/recorder.ts'
import { Replay } from '../../../src/recording/replay.ts'
import type { RecordingEntry, Step } from '../../../src/recording/step.ts'
import * as wire from '../../../src/wire/attributes.ts'
import { get, MessageWriter, Method, parse } from '../../../src/wire/message.ts'
import { actions, BudgetedStage, Stage } from '../../sim/actions.ts'
import type { SimOptions } from '../../sim/sim.ts'

const SEED = Number(process.env.MODEL_SEED ?? 20_261_130)
const TRANSACTION = Buffer.from('0123456789ab')

/** The lines of a recording of a simulated run, as a file has them, and the run. */
function recorded(
  options: SimOptions,
  list: Parameters<Stage['do']>[0][],
  Kind: typeof Stage = Stage,
): { lines: string[]; stage: Stage } {
  const lines: string[] = []
  const disguise = new Disguise()
  const recorder = new Recorder(
    { version: 'test', worker: 0 },
    entry => lines.push(writeLine(disguise.entry(entry))) > 0,
  )
  const stage = new Kind({ ...options, witness: recorder })
  for (const action of list) stage.do(action)
  return { lines, stage }
}

for (const [name, options, kind] of [
  ['a table', { forwarder: 'table' }],
  ['the core alone', { forwarder: 'none' }],
  [
    'limits',
    {
      limits: { bytesPerSecondPerUser: 2000, peersPerUserPerMinute: 3, unverifiedAnswers: 5, backOff: true },
    },
  ],
  ['budgets', {}, BudgetedStage],
] as const satisfies readonly (readonly [string, SimOptions, kind?: typeof Stage])[]) {
  t.test(`a disguised recording replays to the same outputs and the same state (${name})`, t => {
    let steps = 0
    for (const list of fc.sample(actions(4), { numRuns: 12, seed: SEED })) {
      const { lines, stage } = recorded(options, list, kind)
      let player: Player | undefined
      for (const line of lines) {
        const entry = readLine(line)
        if (!entry.ok) throw new Error(`${entry.error}: ${line}`)
        if (entry.value.kind === 'beginning') player = new Player(entry.value)
        if (entry.value.kind !== 'step') continue
        steps++
        const { differs } = player!.play(entry.value)
        if (differs) throw new Error(`${line}\nrecorded: ${entry.value.did}\nreplayed: ${differs}`)
      }
      if (JSON.stringify(player!.relay.sizes()) !== JSON.stringify(stage.sim.relay.sizes()))
        throw new Error('the state differs')
    }
    t.ok(steps > 3000, `${steps} steps`)
    t.end()
  })
}

t.test('P-06: a recording of the old fault shows it, and replays otherwise now', t => {
  const file = join(import.meta.dirname, '..', '..', 'fixtures', 'recordings', 'p-06.recording')
  const replay = new Replay()
  const differing = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .flatMap(line => {
      const played = replay.take(line)
      if (!played.ok) throw new Error(played.error)
      return played.value.kind === 'step' && played.value.account.differs ? [played.value.account] : []
    })
  const last = differing.at(-1)
  t.match(
    last?.came,
    { via: 'relay', from: '240.0.0.3:40000', octets: 6 },
    "it is about the peer's answer after 300 s",
  )
  t.same(last?.differs, { recorded: [], replayed: ['send 10'] }, 'which was dropped, and is relayed')
  t.end()
})

t.test('no line that anybody writes makes a replay throw', t => {
  const [list] = fc.sample(actions(4), { numRuns: 1, seed: SEED })
  const { lines } = recorded({}, list!)
  let refused = 0
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          fc.nat(lines.length - 1),
          fc.nat(),
          fc.constantFrom('', '0', '"', '{}', 'null', '-1', '(9)'),
        ),
        {
          maxLength: 3,
        },
      ),
      changes => {
        const changed = [...lines]
        for (const [at, where, by] of changes) {
          const line = changed[at]!
          const cut = where % (line.length + 1)
          // A value is replaced as a whole where that can be done, so that what comes out is JSON still.
          const end = line.slice(cut).search(/[,}\]]/)
          changed[at] = line.slice(0, cut) + by + (end < 0 ? '' : line.slice(cut + end))
        }
        const replay = new Replay()
        for (const line of changed) {
          if (replay.take(line).ok) continue
          refused++
          return
        }
      },
    ),
    { seed: SEED, numRuns: 200 },
  )
  t.ok(refused > 50, `${refused} refused`)
  t.end()
})

t.test('a masked message is as long and as right as it was, and says nothing', t => {
  const message = new MessageWriter('request', Method.Allocate, TRANSACTION)
    .set(wire.USERNAME, '1800000000:@alice:example.org')
    .set(wire.REALM, 'turn.example.org')
    .set(wire.NONCE, 'obMatJos2gAAAabcdefghijklmnop')
    .set(wire.XOR_PEER_ADDRESS, parseAddress('198.51.100.7:4000')!)
    .set(wire.XOR_PEER_ADDRESS, parseAddress('[2a00:1450::7]:4001')!)
    .set(wire.LIFETIME, 777 as never)
    .set(wire.DATA, Buffer.from('hello'))
    .set(wire.RESERVATION_TOKEN, Buffer.from('a token!'))
    .set(wire.SOFTWARE, 'Client 1.2')
    .sign('sha1', Buffer.from('key'))
    .fingerprint()
    .finish()
  const masked = maskDatagram(message, 'udp', new Masks())
  t.equal(masked.length, message.length)
  const parsed = parse(masked)
  if (parsed.kind === 'malformed') throw new Error(parsed.why)
  t.ok(parsed.fingerprint, 'the fingerprint is right again')
  t.equal(get(parsed, wire.USERNAME), 'name-1.......................')
  t.equal(get(parsed, wire.NONCE), 'obMatJos2gAAA................')
  t.equal(get(parsed, wire.LIFETIME), 777)
  t.same(get(parsed, wire.DATA), Buffer.alloc(5))
  t.same(get(parsed, wire.XOR_PEER_ADDRESS), parseAddress('240.0.0.1:4000'))
  for (const text of ['alice', 'example.org', 'abcdefgh', 'hello', 'a token!', 'Client']) {
    t.notOk(masked.includes(text), text)
  }
  t.end()
})

t.test('whatever is wrong with a datagram is still wrong with it', t => {
  const octets = fc.uint8Array({ maxLength: 80 })
  const attribute = fc
    .tuple(
      fc.constantFrom(0x6, 0x8, 0x12, 0x13, 0x14, 0x15, 0x17, 0x20, 0x22, 0x7fff, 0x8022, 0x8028),
      fc.uint8Array({ maxLength: 24 }),
      fc.nat(3),
    )
    .map(([type, value, off]) => {
      const header = Buffer.alloc(4)
      header.writeUInt16BE(type)
      header.writeUInt16BE(value.length + (off === 3 ? 5 : 0), 2)
      return Buffer.concat([header, value, Buffer.alloc(-value.length & 3)])
    })
  const message = fc
    .tuple(fc.array(attribute, { maxLength: 70 }), fc.boolean(), fc.nat(9))
    .map(([list, cookie, off]) => {
      const body = Buffer.concat(list)
      const header = Buffer.alloc(20, 7)
      header.writeUInt16BE(3)
      header.writeUInt16BE(body.length + (off === 9 ? 4 : 0), 2)
      if (cookie) header.writeUInt32BE(0x2112a442, 4)
      return Buffer.concat([header, body])
    })
  const seen = new Set<string>()
  fc.assert(
    fc.property(
      fc.oneof(message, octets.map(Buffer.from)),
      fc.constantFrom<Via>('udp', 'relay'),
      (bytes, via) => {
        const masked = maskDatagram(bytes, via, new Masks())
        if (masked.length !== bytes.length) return false
        if (via === 'relay') return masked.every(octet => octet === 0)
        for (const classic of [false, true]) {
          const [was, is] = [parse(bytes, { classic }), parse(masked, { classic })]
          if (was.kind === 'malformed') {
            seen.add(was.why)
            // What is not STUN at all needs no other reason than that.
            if (is.kind !== 'malformed' || is.why !== was.why) return false
          } else {
            seen.add('message')
            if (is.kind === 'malformed' || is.fingerprint !== was.fingerprint) return false
            if (String(is.malformed) !== String(was.malformed)) return false
            if (String(is.attributes.map(one => one.type)) !== String(was.attributes.map(one => one.type)))
              return false
          }
        }
        return true
      },
    ),
    { seed: SEED, numRuns: 1200 },
  )
  t.ok(seen.size >= 6, [...seen].join())
  t.end()
})

t.test('a member that nobody thought of is disguised', t => {
  const entry = {
    kind: 'step',
    at: 1 as Time,
    input: { kind: 'hangup', socket: 3 as SocketId, fresh: 'alice', octets: Buffer.from('alice') },
    asked: [
      ['signer', { tenant: 'example.org', user: '@alice:example.org', key: Buffer.from('secret') }],
      ['wire', parseAddress('198.51.100.7:4000')],
      ['host wire', undefined],
    ],
    did: [],
  } as unknown as Step
  const line = writeLine(new Disguise().entry(entry))
  t.notMatch(line, /alice|example|198\.51|616c696365/)
  const read = readLine(line)
  t.same(read.ok && (read.value as Step).asked[2], ['host wire'], 'nothing stays nothing')
  t.end()
})

t.test('the sentence of a refusal keeps its words and loses its address', t => {
  const entry: RecordingEntry = {
    kind: 'step',
    at: 1 as Time,
    input: {
      kind: 'refused',
      allocation: 1 as AllocationId,
      code: 508,
      why: 'cannot bind a relay socket on 2001:db8:9::7: EADDRINUSE, no IPv6 relay address 192.0.2.7',
    },
    asked: [],
    did: [],
  }
  const masked = new Disguise().entry(entry) as Step
  t.match(masked.input, {
    why: 'cannot bind a relay socket on 2001:db8::1: EADDRINUSE, no IPv6 relay address 240.0.0.2',
  })
  t.end()
})

t.test('addresses keep their ports, names their length, and equals stay equal', t => {
  const masks = new Masks()
  t.same(address(masks.ip(parseAddress('192.0.2.1:1')!.ip), 1), parseAddress('240.0.0.1:1'))
  t.same(masks.ip(Uint8Array.of(192, 0, 2, 1)), masks.ip(Uint8Array.of(192, 0, 2, 1)))
  const names = ['@alice:example.org', '@bob', 'b', 'ü', ''].map(name => [name, masks.name(name)] as const)
  for (const [name, mask] of names) t.equal(Buffer.byteLength(mask), Buffer.byteLength(name), mask)
  t.equal(new Set(names.map(([, mask]) => mask)).size, names.length)
  t.equal(masks.name('@bob'), masks.name('@bob'))
  t.end()
})
