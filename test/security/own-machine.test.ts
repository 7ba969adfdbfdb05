import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseAddress } from '../../src/base/address.ts'
import type { Child } from '../support/child.ts'
import { credential } from '../support/credentials.ts'
import { eventually } from '../support/lifecycle.ts'
import { enterNamespace, Namespace, needNamespaces, wire } from '../support/namespaces.ts'
import { MAIN } from '../support/relay.ts'
import { codeOf, openSession, type TurnSession } from '../support/turn-session.ts'

/*
 *     client 11.0.0.2 ───── 11.0.0.1 relay, with a service on all of its addresses
 */

await enterNamespace(import.meta.url)
t.setTimeout(300_000)

const SECRET = 'a secret that only this test knows'
/** Where the victim listens; nobody's well-known port, so open at the relay's own public address. */
const OPEN = 10_000
const KINDS = [
  ['native, one worker', { udp: 'native', workers: 1 }],
  ['native, three workers', { udp: 'native', workers: 3 }],
  ['node:dgram', { udp: 'dgram', workers: 1 }],
] as const

interface Scene {
  readonly turn: Namespace
  readonly victim: Child
  readonly relay: Child
}

for (const [kind, settings] of KINDS) {
  t.test(
    `S-03, S-11: no service of the relay's own machine is reached (${kind})`,
    needNamespaces('python3'),
    async t => {
      const { turn, victim } = await open(t, { ...settings, peers: { allow: ['10.0.0.0/24'] } })
      const session = await client(t)

      const own = ['[2a00:9:9::]', '[2a00:9:9::1]', '13.0.0.7', '10.0.0.5', '127.0.0.1', '11.0.0.1']
      for (const [i, host] of own.entries()) {
        const at = parseAddress(`${host}:${OPEN}`)!
        const isRelayed = host === '11.0.0.1' || host === '[2a00:9:9::1]'
        t.equal(await session.permit(at), isRelayed ? 0 : 403, `permission for ${host}`)
        t.equal(await session.bind(0x4000 + i, at), isRelayed ? 0 : 403, `channel to ${host}`)
        if (isRelayed) continue
        session.send(0x4000 + i, `by-channel-${i}`)
        session.indicate(at, `by-send-${i}`)
      }
      turn.run('ip', 'address', 'add', '14.0.0.1/32', 'dev', 'world')
      t.equal(
        await session.bind(0x4100, parseAddress(`14.0.0.1:${OPEN}`)!),
        403,
        'an address added a moment ago',
      )

      const later = parseAddress(`15.0.0.7:${OPEN}`)!
      t.equal(await session.bind(0x4101, later), 0, 'somebody else')
      session.send(0x4101, 'to-somebody-else')
      t.equal(await session.permit(later), 0, 'that has passed')
      turn.run('ip', 'route', 'add', 'local', '15.0.0.0/24', 'dev', 'lo')
      t.ok(await eventually(async () => (await session.bind(0x4101, later)) === 403), 'ours by now')
      session.send(0x4101, 'late-by-channel')
      session.indicate(later, 'late-by-send')

      session.indicate(parseAddress(`11.0.0.1:${OPEN}`)!, 'fence')
      await victim.says(/heard fence at 11\.0\.0\.1/)
      t.equal(victim.stdout.match(/^heard .*/gm)?.join(), 'heard fence at 11.0.0.1')
    },
  )

  t.test(
    `O-01, O-02: a media server beside the relay is reached at its public address (${kind})`,
    needNamespaces('python3'),
    async t => {
      const { victim, relay } = await open(t, {
        ...settings,
        relay: { addresses: ['11.0.0.1', '10.0.0.5=80.1.1.7', '2a00:9:9::1'], ports: '20000-21000' },
      })
      const session = await client(t)
      const heard: string[] = []
      session.onData = (bytes, peer) => void heard.push(`${bytes} from ${peer.ip.join('.')}:${peer.port}`)

      for (const [i, host] of ['11.0.0.1', '80.1.1.7'].entries()) {
        const at = parseAddress(`${host}:${OPEN}`)!
        t.equal(await session.permit(at), 0)
        session.indicate(at, `indicated-${host}`)
        t.ok(await eventually(() => heard.includes(`echo indicated-${host} from ${host}:${OPEN}`)), host)
        t.equal(await session.bind(0x4000 + i, at), 0)
        for (const round of ['one', 'two']) {
          session.send(0x4000 + i, `${round}-${host}`)
          t.ok(
            await eventually(() => heard.includes(`echo ${round}-${host} from ${host}:${OPEN}`)),
            `${round} ${host}`,
          )
        }
      }
      await victim.says(/heard one-80\.1\.1\.7 at 10\.0\.0\.5/)

      t.equal(await session.bind(0x4002, parseAddress('11.0.0.1:3478')!), 403, 'the relay itself')
      t.equal(await session.bind(0x4003, parseAddress('11.0.0.1:161')!), 0)
      session.send(0x4003, 'to a closed port')
      const line = await relay.says(/^.*this machine is kept from a client.*$/m)
      t.match(JSON.parse(line[0]), {
        level: 'warn',
        own: '11.0.0.1:161',
        hint: /"peers": \{"sameHost": \["161"\]\}/,
      })
    },
  )
}

t.test(
  'S-03: a rule of routing by the port of the peer does not open this machine',
  needNamespaces('python3'),
  async t => {
    const { turn, victim } = await open(t, {})
    const session = await client(t)
    const [four, six] = ['16.0.0.7', '[2a00:16::7]'].map(ip => parseAddress(`${ip}:${OPEN}`)!)
    const other = parseAddress(`16.0.0.7:${OPEN + 1}`)!
    for (const [i, at] of [four!, six!].entries()) {
      t.equal(await session.bind(0x4000 + i, at), 0, 'before')
      t.equal(await session.permit(at), 0)
    }

    for (const family of ['-4', '-6']) {
      turn.run('ip', family, 'route', 'add', 'local', 'default', 'dev', 'lo', 'table', '104')
      turn.run('ip', family, 'rule', 'add', 'ipproto', 'udp', 'dport', `${OPEN}`, 'lookup', '104')
    }
    for (const [i, at] of [four!, six!].entries()) {
      t.ok(await eventually(async () => (await session.bind(0x4000 + i, at)) === 403), 'ours by now')
      session.send(0x4000 + i, 'by-channel')
      session.indicate(at, 'by-send')
    }
    t.equal(await session.bind(0x4002, other), 0, 'another port is somebody else as before')

    t.equal(await session.permit(parseAddress(`11.0.0.1:${OPEN}`)!), 0)
    session.indicate(parseAddress(`11.0.0.1:${OPEN}`)!, 'fence')
    await victim.says(/heard fence at 11\.0\.0\.1/)
    t.equal(victim.stdout.match(/^heard .*/gm)?.join(), 'heard fence at 11.0.0.1')
  },
)

t.test(
  'O-01: what is refused by address is told with the key that opens it',
  needNamespaces('python3'),
  async t => {
    const { relay } = await open(t, {})
    const session = await client(t)

    t.equal(await session.permit(parseAddress('10.0.0.5:10000')!), 403)
    const line = await relay.says(/^.*this machine is kept from a client.*$/m)
    t.match(JSON.parse(line[0]), { own: '10.0.0.5:10000', hint: /"peers": \{"allow": \["10\.0\.0\.5"\]\}/ })
  },
)

t.test('S-11, O-01: an own address that is named is open', needNamespaces('python3'), async t => {
  const { victim } = await open(t, { peers: { allow: ['10.0.0.5'], sameHost: [] } })
  const session = await client(t)

  t.equal(await session.bind(0x4000, parseAddress(`10.0.0.5:${OPEN}`)!), 0)
  session.send(0x4000, 'named')
  await victim.says(/heard named at 10\.0\.0\.5/)
  t.equal(await session.bind(0x4001, parseAddress(`11.0.0.1:${OPEN}`)!), 0)
  session.send(0x4001, 'closed')
  session.send(0x4000, 'fence')
  await victim.says(/heard fence/)
  t.notMatch(victim.stdout, /closed/)
})

async function open(t: Test, settings: Readonly<Record<string, unknown>>): Promise<Scene> {
  const turn = await Namespace.create('turn')
  const here = Namespace.own()
  t.teardown(() => {
    here.run('ip', 'link', 'delete', 'outside')
    turn.close()
  })
  wire(
    { at: turn, device: 'world', addresses: ['11.0.0.1/24', '10.0.0.5/24', '2a00:9:9::1/64'] },
    { at: here, device: 'outside', addresses: ['11.0.0.2/24', '2a00:9:9::2/64'] },
  )
  turn.route('default', 'via', '11.0.0.2')
  turn.route('local', '13.0.0.0/24', 'dev', 'lo')
  turn.set('net/ipv6/conf/all/forwarding', 1)
  const victim = turn.start('python3', [`${import.meta.dirname}/../support/echo.py`, `${OPEN}`])
  t.teardown(() => victim.stop())
  await victim.says(/listening/)
  const folder = mkdtempSync(join(tmpdir(), 'own-machine-'))
  const config = {
    realm: 'turn.example.org',
    listen: ['udp://11.0.0.1:3478'],
    relay: { addresses: ['11.0.0.1', '2a00:9:9::1'], ports: '20000-21000' },
    homeservers: [{ name: 'example.org', secrets: [SECRET] }],
    log: { format: 'json', level: 'info' },
    metrics: false,
    console: false,
    control: false,
    workers: 1,
    state: folder,
    ...settings,
  }
  const file = join(folder, 'turnserver.json')
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 })
  const relay = turn.start(process.execPath, [MAIN, 'serve', '--config', file])
  t.teardown(async () => {
    await relay.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  await relay.says(/"ready"/)
  return { turn, victim, relay }
}

async function client(t: Test): Promise<TurnSession> {
  const session = await openSession(
    { host: '11.0.0.1', port: 3478 },
    credential(SECRET, '@alice:example.org'),
  )
  t.teardown(() => session.close())
  const answer = await session.allocate({ dual: true })
  t.equal(codeOf(answer), 0, 'allocated')
  return session
}
