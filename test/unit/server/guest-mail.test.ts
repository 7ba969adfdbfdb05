import t from 'tap'
import { address, parseIp } from '../../../src/base/address.ts'
import type { AllocationId, SocketId } from '../../../src/base/ids.ts'
import type { GuestMessage } from '../../../src/relay/guests/guest-message.ts'
import { GuestMail, GuestRoom, MOST_ON_THE_WAY } from '../../../src/workers/guest-mail.ts'
import type { FromWorker } from '../../../src/workers/protocol.ts'

const client = { socket: 3 as SocketId, address: address(parseIp('203.0.113.1')!, 1000), via: 'udp' } as const

function came(octets: number, isReferred = false): GuestMessage {
  return { kind: 'came', client, bytes: new Uint8Array(octets), isReferred }
}

/** The mail of two workers, and the main thread between them. */
function start() {
  const memory = GuestRoom.memory(2)
  const main = new GuestRoom(memory)
  const pushed: FromWorker[] = []
  let dropped = 0
  const mail = new GuestMail({
    own: 0,
    room: new GuestRoom(memory),
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
  return { main, mail, pushed, pass, dropped: () => dropped }
}

t.test(
  'A-01: a client of another worker cannot fill the memory with packets that the main thread has to pass on',
  async t => {
    const { mail, pushed, pass, dropped } = start()
    for (let i = 0; i < 3 * MOST_ON_THE_WAY; i++) mail.to(1, came(1200))
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
    for (let i = 0; i < MOST_ON_THE_WAY; i++) mail.to(1, came(1200))
    pass()
    for (let i = 0; i < 10; i++) main.arrived(1, came(1200))
    let arriving = 0
    for (let i = 0; i < 20; i++) {
      mail.to(1, came(1200))
      arriving += pass()
    }
    t.equal(arriving, 10)

    main.clear(1)
    for (let i = 0; i < 20; i++) main.arrived(1, came(1200))
    for (let i = 0; i < 2 * MOST_ON_THE_WAY; i++) mail.to(1, came(1200))
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
    for (let i = 0; i < MOST_ON_THE_WAY + 5; i++) mail.refer(7 as AllocationId, came(200, true))
    t.equal(dropped(), 5)
    mail.to(1, { kind: 'host', client, on: true })
    mail.toAll({ kind: 'left', socket: client.socket })
    t.equal(pushed.length, MOST_ON_THE_WAY + 2)
  },
)
