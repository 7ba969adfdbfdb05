import t from 'tap'
import { address, parseIp } from '../../../src/base/address.ts'
import type { AllocationId, SocketId } from '../../../src/base/ids.ts'
import type { Time } from '../../../src/base/time.ts'
import { GcraTable } from '../../../src/limits/gcra-table.ts'
import type { GuestMessage } from '../../../src/relay/guests/guest-message.ts'
import { GuestMail, GuestRoom, MOST_ON_THE_WAY } from '../../../src/workers/guest-mail.ts'
import type { FromWorker } from '../../../src/workers/protocol.ts'
import { dice, octets } from '../../sim/random.ts'

const client = { socket: 3 as SocketId, address: address(parseIp('203.0.113.1')!, 1000), via: 'udp' } as const

function came(length: number, isReferred = false, from = 1000): GuestMessage {
  const at = addressOf(from)
  return { kind: 'came', client: { ...client, address: at }, bytes: new Uint8Array(length), isReferred }
}

function addressOf(from: number) {
  return address(parseIp('203.0.113.1')!, from)
}

/** Ports that as many datagrams come from as fit, if each takes its share. */
const port = (i: number) => 1000 + (i % 100)

/** The mail of two workers, and the main thread between them. */
function start() {
  const memory = GuestRoom.memory(2)
  const main = new GuestRoom(memory)
  const pushed: FromWorker[] = []
  let dropped = 0
  let now = 1_800_000_000_000
  const mail = new GuestMail({
    own: 0,
    room: new GuestRoom(memory),
    now: () => now as Time,
    shares: new GcraTable(GcraTable.memory(octets(dice(1)), 8)),
    push: message => pushed.push(message),
    dropped: () => dropped++,
  })
  const pass = () => {
    for (const message of pushed) {
      if (message.kind !== 'guest') continue
      main.passed(0, message.message)
      main.posted(1, message.message)
    }
    return pushed.splice(0).length
  }
  const advance = (milliseconds: number) => void (now += milliseconds)
  return { main, mail, pushed, pass, advance, dropped: () => dropped }
}

t.test(
  'A-01: a client of another worker cannot fill the memory with packets that the main thread has to pass on',
  async t => {
    const { mail, pushed, pass, dropped } = start()
    for (let i = 0; i < 3 * MOST_ON_THE_WAY; i++) mail.to(1, came(1200, false, port(i)))
    t.equal(pushed.length, MOST_ON_THE_WAY)
    t.equal(dropped(), 2 * MOST_ON_THE_WAY)

    pass()
    mail.to(1, came(1200))
    t.equal(pushed.length, 0, 'nor with those that the other worker has to take')
  },
)

t.test(
  'A-01: what has arrived makes room, and a worker that breaks takes what was on its way along',
  async t => {
    const { main, mail, pass } = start()
    for (let i = 0; i < MOST_ON_THE_WAY; i++) mail.to(1, came(1200, false, port(i)))
    pass()
    for (let i = 0; i < 10; i++) main.arrived(1, came(1200))
    let arriving = 0
    for (let i = 0; i < 20; i++) {
      mail.to(1, came(1200, false, port(i)))
      arriving += pass()
    }
    t.equal(arriving, 10)

    main.clear(1)
    for (let i = 0; i < 20; i++) main.arrived(1, came(1200))
    for (let i = 0; i < 2 * MOST_ON_THE_WAY; i++) mail.to(1, came(1200, false, port(i)))
    t.equal(pass(), MOST_ON_THE_WAY, 'and what arrives late counts for nothing')
  },
)

t.test('A-01: long frames of TCP take as much room as they have octets', async t => {
  const { mail, pushed } = start()
  for (let i = 0; i < MOST_ON_THE_WAY; i++) mail.to(1, came(65_000))
  t.ok(pushed.length <= MOST_ON_THE_WAY / 31)
})

t.test(
  'A-01: tickets are looked up for as many as fit, and what follows from requests always gets through',
  async t => {
    const { mail, pushed, dropped } = start()
    for (let i = 0; i < MOST_ON_THE_WAY + 5; i++) mail.refer(7 as AllocationId, came(200, true, port(i)))
    t.equal(dropped(), 5)
    mail.to(1, { kind: 'host', client, on: true })
    mail.toAll({ kind: 'left', socket: client.socket })
    t.equal(pushed.length, MOST_ON_THE_WAY + 2)
  },
)

t.test('A-01: a client that floods leaves room for others, and has its share of it', async t => {
  const { mail, pushed, pass, advance, dropped } = start()
  const flood = () => {
    for (let i = 0; i < 3 * MOST_ON_THE_WAY; i++) mail.to(1, came(1200))
  }
  flood()
  const half = MOST_ON_THE_WAY / 2
  t.equal(pushed.length, half + 64)
  pass()
  flood()
  t.equal(pushed.length, 0, 'nor when the other worker is slow to take it')

  const before = dropped()
  for (let i = 0; i < 100; i++) mail.to(1, came(172, false, 2000 + (i % 10)))
  t.equal(dropped(), before, 'others lose nothing')
  t.equal(pass(), 100)
  advance(100)
  flood()
  t.equal(pass(), 64, 'its share, again after a while')
})

t.test('A-01: it takes seven clients that flood at once to leave others no room', async t => {
  const { mail, dropped } = start()
  const flood = (clients: number) => {
    for (let i = 0; i < 3 * MOST_ON_THE_WAY; i++) mail.to(1, came(1200, false, 3000 + (i % clients)))
  }
  flood(6)
  const before = dropped()
  for (let i = 0; i < 64; i++) mail.to(1, came(172))
  t.equal(dropped(), before)
})

t.test('A-01: a client alone is held back by nothing but the room there is', async t => {
  const { main, mail, pass, dropped } = start()
  for (let i = 0; i < 10_000; i++) {
    mail.to(1, came(1200))
    pass()
    main.arrived(1, came(1200))
  }
  t.equal(dropped(), 0)
})
