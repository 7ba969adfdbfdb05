import t, { type Test } from 'tap'
import { type Address, formatIp, parseIp, address as toAddress } from '../../src/base/address.ts'
import type { Child } from '../support/child.ts'
import { credential } from '../support/credentials.ts'
import {
  type HostileNet,
  hostileNet,
  INSIDE,
  METRICS_PORT,
  PORT,
  SECRET,
  SERVER,
  startCoturn,
  startTaciturn,
  TLS_PORT,
} from '../support/hostile-net.ts'
import { enterNamespace, type Namespace, needNamespaces } from '../support/namespaces.ts'
import { rawAddress, type Spelling, spellings, spellingsOf } from '../support/peer-matrix.ts'
import { codeOf, openSession, relayedOf, type TurnSession } from '../support/turn-session.ts'

await enterNamespace(import.meta.url)
t.setTimeout(300_000)

/** Where packets for peers go: a service that nobody has, so that only the address decides. */
const PEER_PORT = 5353
const FIRST_CHANNEL = 0x4000
const EVERYTHING = ['0.0.0.0/0', '::/0']
/** What any peer may be sent to show that all before it has passed. */
const FENCE = toAddress(parseIp('93.184.215.14')!, PEER_PORT)
const FENCE6 = toAddress(parseIp('2606:2800:21f::1')!, PEER_PORT)
const MANY = {
  requestsPerUserPerSecond: 'unlimited',
  permissionsPerAllocation: 4096,
  channelsPerAllocation: 4096,
  peersPerUserPerMinute: 'unlimited',
}
const ALL = spellings()
const DENIED = ALL.filter(({ denied }) => denied)
const ALLOWED = ALL.filter(({ denied }) => !denied)

/** Counts what leaves the server by any interface, and what comes to the victim. */
class Watch {
  readonly #sniffers: readonly Child[]
  #fences = 0

  private constructor(sniffers: readonly Child[]) {
    this.#sniffers = sniffers
  }

  static async start(t: Test, { turn, victim }: HostileNet): Promise<Watch> {
    const start = async (at: Namespace, direction: string) => {
      const child = at.start('python3', [`${import.meta.dirname}/../support/sniffer.py`, direction])
      t.teardown(() => child.stop())
      await child.says(/sniffing/)
      return child
    }
    return new Watch([await start(turn, 'OUT'), await start(victim, 'IN')])
  }

  /** What has passed up to now. */
  async seen(by: Pair | TurnSession, peer = FENCE): Promise<{ left: Set<string>; arrived: Set<string> }> {
    const sessions = 'plain' in by ? [by.mapped, by.plain] : [by]
    let name = ''
    for (const session of sessions) {
      name = `fence-${++this.#fences}`
      session.indicate(peer, name)
      // Sockets of different allocations have no order among them.
      if (session !== sessions.at(-1)) await this.#sniffers[0]!.says(new RegExp(`"${name}"`))
    }
    const [left, arrived] = await Promise.all(
      this.#sniffers.map(async sniffer => {
        const line = await sniffer.says(new RegExp(`^.*"${name}"}$`, 'm'))
        return new Set(Object.keys(JSON.parse(line[0]).seen))
      }),
    )
    return { left: left!, arrived: arrived! }
  }
}

async function open(user = '@alice:example.org'): Promise<TurnSession> {
  const session = await openSession({ host: SERVER.ip4, port: PORT }, credential(SECRET, user))
  const answer = await session.allocate({ dual: true })
  if (codeOf(answer) !== 0) throw new Error(`Allocate: ${codeOf(answer)}`)
  await session.permit(FENCE)
  return session
}

function at({ ip }: Spelling, port = PEER_PORT): Address {
  return rawAddress(ip, port)
}

/**
 * Two clients, since no peer may have two channels of one: a mapped address and the plain one are the same peer.
 */
interface Pair {
  readonly plain: TurnSession
  readonly mapped: TurnSession
}

async function openPair(t: Test): Promise<Pair> {
  const pair = { plain: await open(), mapped: await open('@bob:example.org') }
  t.teardown(() => {
    pair.plain.close()
    pair.mapped.close()
  })
  return pair
}

function by({ plain, mapped }: Pair, { encoding }: Spelling): TurnSession {
  return encoding === 'mapped' ? mapped : plain
}

/** Requests and data for every spelling; what was answered, by name. */
async function tryAll(pair: Pair, all: readonly Spelling[]) {
  const permitted = new Map<string, number>()
  const bound = new Map<string, number>()
  await inBatches(all, async spelling => {
    permitted.set(spelling.name, await by(pair, spelling).permit(at(spelling)))
    by(pair, spelling).indicate(at(spelling), `probe-send ${spelling.name}`)
  })
  await inBatches([...all.entries()], async ([i, spelling]) => {
    bound.set(spelling.name, await by(pair, spelling).bind(FIRST_CHANNEL + i, at(spelling)))
    by(pair, spelling).indicate(at(spelling), `probe-late ${spelling.name}`)
    by(pair, spelling).send(FIRST_CHANNEL + i, `probe-channel ${spelling.name}`)
  })
  return { permitted, bound }
}

async function inBatches<T>(all: readonly T[], each: (one: T) => Promise<void>): Promise<void> {
  for (let i = 0; i < all.length; i += 32) await Promise.all(all.slice(i, i + 32).map(each))
}

const names = (all: readonly Spelling[]) => all.map(({ name }) => name).sort()
const reached = (seen: Set<string>, path: string, all: readonly Spelling[]) =>
  names(all.filter(({ name }) => seen.has(`probe-${path} ${name}`)))
const answered = (answers: Map<string, number>, code: number) =>
  [...answers].flatMap(([name, answer]) => (answer === code ? [name] : [])).sort()

for (const udp of ['native', 'dgram']) {
  t.test(`with the ${udp} transport`, needNamespaces('python3', 'openssl'), async t => {
    const net = await hostileNet(t)
    const relay = await startTaciturn(t, net, { udp, limits: MANY })
    const watch = await Watch.start(t, net)

    t.test(
      'special-purpose addresses are refused in every spelling, and nothing leaves; their neighbours are reached [SEC-02, SEC-06, SEC-08, SEC-09, SEC-10, SEC-11, SEC-12, SEC-59, SEC-62, SEC-66, ABU-01, ABU-02, ABU-07]',
      async t => {
        const pair = await openPair(t)
        const { permitted, bound } = await tryAll(pair, ALL)
        const { left, arrived } = await watch.seen(pair)

        t.comment(`${DENIED.length} denied and ${ALLOWED.length} allowed spellings`)
        t.same(answered(permitted, 403), names(DENIED), 'CreatePermission refuses exactly the denied')
        t.same(answered(permitted, 0), names(ALLOWED), 'CreatePermission grants exactly the rest')
        t.same(answered(bound, 403), names(DENIED), 'ChannelBind refuses exactly the denied')
        t.same(answered(bound, 0), names(ALLOWED), 'ChannelBind grants exactly the rest')
        for (const path of ['send', 'late', 'channel']) {
          t.same(reached(left, path, DENIED), [], `${path}: nothing leaves for a denied address`)
          t.same(reached(arrived, path, DENIED), [], `${path}: nothing arrives at one`)
          t.same(reached(arrived, path, ALLOWED), names(ALLOWED), `${path}: all others get theirs`)
        }
      },
    )

    t.test('the server itself is no peer, in any spelling [SEC-03, SEC-14, SEC-50]', async t => {
      const session = await open()
      t.teardown(() => session.close())
      const own = [...spellingsOf(INSIDE.ip4), ...spellingsOf(INSIDE.ip6)]
      const permitted = new Map<string, number>()
      for (const spelling of own) {
        permitted.set(spelling.name, await session.permit(at(spelling)))
        for (const port of [METRICS_PORT, PORT, PEER_PORT]) {
          session.indicate(at(spelling, port), `probe-own ${spelling.name} ${port}`)
        }
      }
      t.same(answered(permitted, 403), names(own), 'another address of this machine')

      const listeners = [...spellingsOf(SERVER.ip4), ...spellingsOf(SERVER.ip6)]
      let channel = FIRST_CHANNEL
      for (const spelling of listeners) {
        await session.permit(at(spelling))
        for (const port of [PORT, TLS_PORT, PEER_PORT]) {
          session.indicate(at(spelling, port), `probe-own ${spelling.name} ${port}`)
        }
        t.equal(await session.bind(channel, at(spelling, PORT)), 403, `${spelling.name}, where it listens`)
        session.send(channel++, `probe-own ${spelling.name} channel`)
      }
      const { left } = await watch.seen(session)
      t.same(
        [...left].filter(marker => marker.startsWith('probe-own')),
        [],
        'nothing left, not even over lo',
      )
    })

    t.test('another client of this relay is reached within the process only [SEC-51, ABU-01]', async t => {
      const [alice, bob] = [await open(), await open('@bob:example.org')]
      t.teardown(() => alice.close())
      t.teardown(() => bob.close())
      const relayed = bob.turn.relayed.find(({ family }) => family === 4)!
      const from = alice.turn.relayed.find(({ family }) => family === 4)!
      const got = new Promise<string>(resolve => {
        bob.onData = bytes => resolve(bytes.toString())
      })
      t.equal(await bob.permit(from), 0)
      for (const spelling of spellingsOf(formatIp(relayed.ip))) {
        const direct = spelling.encoding === 'native' || spelling.encoding === 'mapped'
        t.equal(await alice.permit(at(spelling, relayed.port)), direct ? 0 : 403, spelling.name)
        if (!direct) alice.indicate(at(spelling, relayed.port), `probe-inside ${spelling.name}`)
      }
      alice.indicate(relayed, 'probe-inside hello')
      t.equal(await got, 'probe-inside hello')
      const { left } = await watch.seen(alice)
      t.same(
        [...left].filter(marker => marker.startsWith('probe-inside')),
        [],
      )
    })

    t.test(
      'a policy that was tightened holds for live permissions and channels, both ways [SEC-08, SEC-51, ABU-07]',
      async t => {
        await relay.reload({ peers: { deny: [], allow: EVERYTHING } })
        const pair = await openPair(t)
        const heard = new Set<string>()
        let ended = () => {}
        pair.plain.onData = bytes => {
          heard.add(bytes.toString())
          if (bytes.toString() === 'probe-end') ended()
        }
        const { bound } = await tryAll(pair, ALL)
        t.same(answered(bound, 0), names(ALL), 'an open policy lets every address in')
        const { left: open } = await watch.seen(pair)
        const routable = DENIED.filter(({ name }) => open.has(`probe-channel ${name}`))
        t.comment(
          `${routable.length} of ${DENIED.length} denied spellings were sent to while that was allowed`,
        )
        for (const encoding of ['native', 'mapped', 'nat64', 'sixToFour'] as const) {
          t.ok(
            routable.some(one => one.encoding === encoding),
            `${encoding}: the kernel does send there`,
          )
        }
        for (const victim of ['10.0.0.0', '127.0.0.0', '169.254.0.0', 'fc00::']) {
          t.ok(
            routable.some(({ ip }) => formatIp(ip) === victim),
            `${victim} was sent to`,
          )
        }

        /** The spellings whose datagrams come through when a peer forges each as its source. */
        const incoming = async (tag: string) => {
          const marker = ({ name }: Spelling) => `probe-${tag}-${name}`.replaceAll(' ', '_')
          const end = new Promise<void>(resolve => {
            ended = resolve
          })
          const own = (length: number) => pair.plain.turn.relayed.find(({ ip }) => ip.length === length)!
          const sources = ALL.filter(({ encoding }) => encoding !== 'mapped')
          const lines = sources.map(one => {
            const to = own(one.ip.length)
            return `${formatIp(one.ip)} ${formatIp(to.ip)} ${to.port} ${marker(one)}`
          })
          lines.push(`${formatIp(FENCE.ip)} ${SERVER.ip4} ${own(4).port} probe-end`)
          spoof(net, lines)
          await end
          return sources.filter(one => heard.has(marker(one)))
        }
        const before = await incoming('before')
        const forged = before.filter(({ denied }) => denied)
        t.comment(`${forged.length} denied sources were heard while that was allowed`)
        for (const source of ['10.0.0.0', '169.254.0.0', 'fc00::']) {
          t.ok(
            forged.some(({ ip }) => formatIp(ip) === source),
            `${source} was heard`,
          )
        }

        await relay.reload({})
        await inBatches([...ALL.entries()], async ([i, spelling]) => {
          by(pair, spelling).send(FIRST_CHANNEL + i, `probe-after ${spelling.name}`)
          by(pair, spelling).indicate(at(spelling), `probe-after ${spelling.name}`)
          // An answer says that the relay has had them: a socket buffer holds only so many.
          await by(pair, spelling).permit(FENCE)
        })
        const { left, arrived } = await watch.seen(pair)
        t.same(reached(left, 'after', DENIED), [], 'nothing leaves for them any more')
        t.same(reached(arrived, 'after', ALLOWED), names(ALLOWED), 'all others still get theirs')
        const after = await incoming('after')
        t.same(names(after), names(before.filter(({ denied }) => !denied)), 'only the others are still heard')
      },
    )

    t.test('a list of the only peers leaves out everybody else [SEC-65, ABU-02]', async t => {
      await relay.reload({ peers: { only: ['93.184.215.0/24'] } })
      const session = await open()
      t.teardown(() => session.close())
      const permitted = new Map<string, number>()
      for (const one of ALLOWED) {
        permitted.set(one.name, await session.permit(at(one)))
        session.indicate(at(one), `probe-only ${one.name}`)
      }
      t.same(answered(permitted, 403), names(ALLOWED))
      const { left } = await watch.seen(session)
      t.same(reached(left, 'only', ALLOWED), [], 'and the fence behind them was reached')
    })
  })
}

t.test(
  'a server that decides by how an address is written lets them through: coturn 4.6.1',
  needNamespaces('python3', 'openssl', 'turnserver'),
  async t => {
    const net = await hostileNet(t)
    await startCoturn(t, net, [
      '--denied-peer-ip=10.0.0.0-10.255.255.255',
      '--denied-peer-ip=127.0.0.0-127.255.255.255',
      '--denied-peer-ip=::1',
    ])
    const watch = await Watch.start(t, net)
    const session = await openSession(
      { host: SERVER.ip4, port: PORT },
      credential(SECRET, '@alice:example.org'),
    )
    t.teardown(() => session.close())
    relayedOf(await session.allocate())
    await session.permit(FENCE)
    const six = await openSession({ host: SERVER.ip4, port: PORT }, credential(SECRET, '@bob:example.org'))
    t.teardown(() => six.close())
    relayedOf(await six.allocate({ family: 6 }))
    await six.permit(FENCE6)

    const leaks: string[] = []
    for (const text of [...LEAKS4, ...LEAKS6]) {
      const ip = text.startsWith('::ffff:') ? mapped(text) : parseIp(text)!
      const by = ip.length === 4 ? session : six
      if ((await by.permit(rawAddress(ip, PEER_PORT))) === 0) leaks.push(text)
      // Its socket for IPv6 does not outlive what it cannot send.
      if (!text.startsWith('::ffff:')) by.indicate(rawAddress(ip, PEER_PORT), `probe-send ${text}`)
    }
    t.same(leaks, [...LEAKS4, ...LEAKS6], 'all of them are answered success')
    t.equal(
      await session.permit(rawAddress(parseIp('10.0.0.5')!, PEER_PORT)),
      403,
      'while the plain form is not',
    )
    await watch.seen(session)
    const { arrived } = await watch.seen(six, FENCE6)
    const passed = [...arrived].map(marker => marker.slice('probe-send '.length))
    t.comment(`arrived at the victim: ${passed.join(', ')}`)
    for (const text of ['169.254.169.254', '64:ff9b::a00:5', 'fc00::1']) t.ok(passed.includes(text), text)
  },
)

const LEAKS4 = ['169.254.169.254', '240.0.0.1', '192.0.0.1', '100.64.0.1']
const LEAKS6 = [
  '::127.0.0.1',
  '2002:7f00:1::',
  '64:ff9b::7f00:1',
  '::ffff:10.0.0.5',
  '64:ff9b::a00:5',
  'fc00::1',
]

function mapped(text: string): Uint8Array {
  return Uint8Array.from([...new Array(10).fill(0), 255, 255, ...parseIp(text.slice(7))!])
}

function spoof({ victim, macs }: HostileNet, lines: readonly string[]): void {
  victim.run(
    'sh',
    '-c',
    'printf "%s\\n" "$4" | exec python3 "$0" "$1" "$2" "$3"',
    `${import.meta.dirname}/../support/spoof.py`,
    'world',
    macs.victim,
    macs.turn,
    lines.join('\n'),
  )
}
