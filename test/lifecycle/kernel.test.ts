import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type Address, formatAddress, parseAddress } from '../../src/base/address.ts'
import { Bpf } from '../../src/kernel/bpf.ts'
import type { LoaderStatus } from '../../src/kernel/loader.ts'
import { Netlink } from '../../src/kernel/netlink.ts'
import { loadAddon } from '../../src/system/native-addon.ts'
import type { Child } from '../support/child.ts'
import { credential } from '../support/credentials.ts'
import { eventually } from '../support/lifecycle.ts'
import { enterNamespace, Namespace, needNamespaces, wire } from '../support/namespaces.ts'
import { MAIN } from '../support/relay.ts'
import { openSession, relayedOf, type TurnSession } from '../support/turn-session.ts'

/*
 *     client 11.0.0.2 ───── 11.0.0.1 relay 12.0.0.1 ───── 12.0.0.2 peer, which echoes
 *            2001:db8:11::2                     2001:db8:12::2
 */

await enterNamespace(import.meta.url)
t.setTimeout(300_000)

const SECRET = 'a secret that only this test knows'
const SERVER = { 4: '11.0.0.1', 6: '2001:db8:11::1' } as const
const ECHO = { 4: parseAddress('12.0.0.2:7000')!, 6: parseAddress('[2001:db8:12::2]:7000')! } as const
const need = { ...needNamespaces('python3', 'ethtool', 'bpftool'), timeout: 120_000 }

for (const [attach, workers] of [
  ['tc', 1],
  ['tc', 2],
  ['xdp', 1],
] as const) {
  t.test(
    `the kernel relays over veth what a relay without capabilities allowed (${attach}, ${workers})`,
    need,
    async t => {
      const scene = await open(t, attach, { workers })
      const families = [4, 6] as const
      for (const client of families) {
        const session = await caller(t, SERVER[client])
        const other = await caller(t, SERVER[client])
        const heard = listen(session)
        const relayed = relayedOf(await session.allocate({ dual: true }))
        const otherRelayed = relayedOf(await other.allocate())
        const before = await scene.status()
        for (const peer of families) {
          t.equal(await session.permit(ECHO[peer]), 0)
          // What was by the numbers of these routes before has told its figures.
          await delay(100)
          await once(heard, `echo first ${client}${peer}`, () =>
            session.indicate(ECHO[peer], `first ${client}${peer}`),
          )
          t.equal(await session.bind(0x4000 + peer, ECHO[peer]), 0)
          for (let i = 0; i < 20; i++) {
            await once(heard, `echo ${client}${peer} ${i}`, () =>
              session.send(0x4000 + peer, `${client}${peer} ${i}`),
            )
          }
        }
        t.equal(await session.permit(otherRelayed), 0)
        t.equal(await other.permit(relayed), 0)
        const heardByOther = listen(other)
        for (let i = 0; i < 10; i++) {
          await once(heardByOther, `across ${i}`, () => session.indicate(otherRelayed, `across ${i}`))
          await once(heard, `back ${i}`, () => other.indicate(relayed, `back ${i}`))
        }
        t.ok(
          await eventually(async () => {
            const { toPeer, toClient } = (await scene.status()).kernel
            const past = before.kernel
            // All but what went before neighbours were known.
            return toPeer - past.toPeer >= 50 && toClient - past.toClient >= 50
          }),
          `the kernel carried it, from IPv${client}: ${JSON.stringify((await scene.status()).kernel)}`,
        )
        t.equal(await session.release(), 0)
        session.send(0x4004, 'too late')
      }
      await delay(100)
      t.notMatch(scene.echo.stdout, /too late/)
      t.equal(scene.wrongChecksums(), 0, 'everybody got right checksums')
    },
  )
}

t.test(
  'when the loader is killed, calls go on through the relay, and through the next one by the kernel',
  need,
  async t => {
    const scene = await open(t, 'tc', { workers: 1 })
    const session = await caller(t, SERVER[4])
    const heard = listen(session)
    await session.allocate()
    t.equal(await session.bind(0x4000, ECHO[4]), 0)
    await once(heard, 'echo one', () => session.send(0x4000, 'one'))
    t.equal(scene.programs(), 2)

    process.kill(scene.loader.pid, 'SIGKILL')
    await scene.loader.exited
    t.ok(await eventually(async () => scene.programs() === 0), 'nothing is in the kernel any more')
    await once(heard, 'echo two', () => session.send(0x4000, 'two'))

    await scene.load()
    t.ok(await eventually(async () => (await scene.status()).kernel.routes > 0, 15_000), 'the relay found it')
    const before = (await scene.status()).kernel.toPeer
    await once(heard, 'echo three', () => session.send(0x4000, 'three'))
    t.ok(await eventually(async () => (await scene.status()).kernel.toPeer > before))
  },
)

t.test('when the relay is killed, nothing that it allowed gets through a moment later', need, async t => {
  const scene = await open(t, 'tc', { workers: 1 })
  const session = await caller(t, SERVER[4])
  const heard = listen(session)
  await session.allocate()
  t.equal(await session.bind(0x4000, ECHO[4]), 0)
  for (const text of ['one', 'two']) await once(heard, `echo ${text}`, () => session.send(0x4000, text))
  t.equal((await scene.loaderStatus()).inUse, true)

  process.kill(scene.relay.pid, 'SIGKILL')
  await scene.relay.exited
  t.ok(await eventually(async () => !(await scene.loaderStatus()).inUse))
  t.ok(await eventually(async () => scene.programs() === 0))
  session.send(0x4000, 'too late')
  await delay(200)
  t.notMatch(scene.echo.stdout, /too late/)
})

interface KernelFigures {
  readonly routes: number
  readonly toPeer: number
  readonly toClient: number
}

interface Scene {
  readonly echo: Child
  readonly relay: Child
  loader: Child
  load(): Promise<void>
  status(): Promise<{ readonly kernel: KernelFigures }>
  loaderStatus(): Promise<LoaderStatus>
  /** Programs in the kernel that use the maps which the relay was given first. */
  programs(): number
  /** UDP datagrams with a wrong checksum that client and peer were sent. */
  wrongChecksums(): number
}

async function open(t: Test, attach: 'tc' | 'xdp', settings: { readonly workers: number }): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'taciturn-kernel-'))
  chmodSync(folder, 0o755)
  const [turn, world] = [await Namespace.create('turn'), await Namespace.create('world')]
  const client = Namespace.own()
  const started: Child[] = []
  t.teardown(async () => {
    client.run('ip', 'link', 'delete', 'outside')
    for (const child of started.reverse()) await child.stop()
    turn.close()
    world.close()
    rmSync(folder, { recursive: true })
  })
  wire(
    { at: turn, device: 'inside', addresses: ['11.0.0.1/24', '2001:db8:11::1/64'] },
    { at: client, device: 'outside', addresses: ['11.0.0.2/24', '2001:db8:11::2/64'] },
  )
  wire(
    { at: turn, device: 'far', addresses: ['12.0.0.1/24', '2001:db8:12::1/64'] },
    { at: world, device: 'near', addresses: ['12.0.0.2/24', '2001:db8:12::2/64'] },
  )
  // A virtual wire leaves checksums to the card of whoever comes after it, and the kernel forwarder leaves those to the relay.
  for (const [at, device] of [
    [client, 'outside'],
    [world, 'near'],
  ] as const) {
    at.run('ethtool', '-K', device, 'tx', 'off', 'gro', 'on')
  }
  if (attach === 'xdp') passXdp(t, 'outside')
  const echo = world.start('python3', [join(import.meta.dirname, '../support/echo.py'), '7000'])
  started.push(echo)
  await echo.says(/listening/)

  const config = join(folder, 'turnserver.json')
  const control = join(folder, 'run', 'control.sock')
  const kernel = join(folder, 'kernel')
  writeFileSync(
    config,
    JSON.stringify({
      realm: 'turn.example.org',
      listen: ['udp://11.0.0.1:3478', 'udp://[2001:db8:11::1]:3478'],
      homeservers: [{ name: 'example.org', secrets: [SECRET] }],
      relay: { addresses: ['12.0.0.1', '2001:db8:12::1'] },
      peers: { allow: ['12.0.0.0/24', '2001:db8:12::/64'] },
      udp: 'native',
      kernel,
      control,
      console: false,
      ...settings,
    }),
  )
  chmodSync(config, 0o644)
  const run = join(folder, 'run')
  turn.run('install', '-d', '-o', 'nobody', run)
  const scene = {} as Scene
  const load = async () => {
    const devices = ['--device', 'inside,far']
    scene.loader = turn.start(process.execPath, [
      MAIN,
      'kernel',
      'up',
      '--folder',
      kernel,
      '--attach',
      attach,
      ...devices,
    ])
    started.push(scene.loader)
    await scene.loader.says(/waiting for a relay/)
  }
  await load()
  // An ordinary user in the loader's group.
  const ordinary = [
    '--reuid',
    'nobody',
    '--regid',
    '0',
    '--clear-groups',
    '--inh-caps=-all',
    '--bounding-set=-all',
  ]
  // The folder that the checkout is in may be closed to others, so the relay sees the checkout in one that is not, and
  // loads nothing that tap would have it load from there.
  const [root, checkout] = [join(MAIN, '..', '..', '..'), join(folder, 'checkout')]
  mkdirSync(checkout)
  const seen = [
    '--mount',
    'sh',
    '-c',
    'unset NODE_OPTIONS; mount --bind "$0" "$1" && shift && exec setpriv "$@"',
    root,
    checkout,
  ]
  const main = join(checkout, relative(root, MAIN))
  const relay = turn.start('unshare', [
    ...seen,
    ...ordinary,
    process.execPath,
    main,
    'serve',
    '--config',
    config,
  ])
  started.push(relay)
  await relay.says(/the kernel relays/)
  const maps = mapsOf(relay)
  return Object.assign(scene, {
    echo,
    relay,
    load,
    status: async () =>
      JSON.parse(await request(control, 'GET /api/v1/status HTTP/1.0\r\nhost: localhost\r\n\r\n')),
    loaderStatus: async () => JSON.parse(await request(join(kernel, 'loader.sock'), 'status\n')),
    programs: () => {
      const all: { readonly map_ids?: number[] }[] = JSON.parse(turn.run('bpftool', '-j', 'prog', 'show'))
      return all.filter(one => one.map_ids?.some(id => maps.has(id))).length
    },
    wrongChecksums: () =>
      [client, world]
        .flatMap(at => [at.run('cat', '/proc/net/snmp'), at.run('cat', '/proc/net/snmp6')])
        .map(text => wrongIn(text))
        .reduce((sum, count) => sum + count, 0),
  })
}

/** The numbers of the kernel's maps that a process has open. */
function mapsOf({ pid }: Child): Set<number> {
  const folder = `/proc/${pid}/fdinfo`
  const found = new Set<number>()
  for (const fd of readdirSync(folder)) {
    let text: string
    try {
      text = readFileSync(join(folder, fd), 'utf8')
    } catch (error) {
      // The process has closed it since the folder was read.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue
      throw error
    }
    const id = /^map_id:\s+(\d+)/m.exec(text)?.[1]
    if (id !== undefined) found.add(Number(id))
  }
  return found
}

/** Has the device at the far end of a virtual wire take what the near end's XDP program sends back: it needs one too. */
function passXdp(t: Test, device: string): void {
  const addon = loadAddon()
  if (!addon.ok) throw new Error(addon.error)
  const bpf = new Bpf(addon.value)
  // r0 = XDP_PASS; exit
  const program = bpf.loadProgram('xdp', Buffer.from('b7000000020000009500000000000000', 'hex'), 'GPL')
  const link = bpf.link('xdp', program, new Netlink(addon.value).device(device)!.index)
  if (program < 0 || link < 0) throw new Error(`no XDP at ${device}: errno ${-program}, ${-link}`)
  t.teardown(() => {
    for (const fd of [link, program]) addon.value.release(fd)
  })
}

/** What a Unix socket answers, without the head of HTTP. */
async function request(path: string, text: string): Promise<string> {
  const socket = connect(path)
  socket.write(text)
  let answer = ''
  for await (const part of socket) answer += part
  return answer.slice(answer.indexOf('\r\n\r\n') + 1).trim()
}

function wrongIn(text: string): number {
  const six = /^Udp6InCsumErrors\s+(\d+)/m.exec(text)
  if (six) return Number(six[1])
  const [names, values] = text.split('\n').filter(line => line.startsWith('Udp:'))
  if (!names || !values) return 0
  return Number(values.split(' ')[names.split(' ').indexOf('InCsumErrors')])
}

async function caller(t: Test, host: string): Promise<TurnSession> {
  const session = await openSession({ host, port: 3478 }, credential(SECRET, '@alice:example.org'))
  t.teardown(() => session.close())
  return session
}

/** What a client is sent, as it comes. */
function listen(session: TurnSession): Map<string, Address> {
  const heard = new Map<string, Address>()
  session.onData = (bytes, peer) => heard.set(bytes.toString(), peer)
  return heard
}

/** Says something until the answer is there: the first datagram to a peer may get lost while its neighbour is looked for. */
async function once(heard: Map<string, Address>, answer: string, say: () => void): Promise<void> {
  say()
  let since = 0
  const came = await eventually(async () => {
    if (heard.has(answer)) return true
    if (++since % 50 === 0) say()
    return false
  })
  if (!came)
    throw new Error(`no ${answer}; heard ${[...heard.keys()]} of ${[...heard.values()].map(formatAddress)}`)
}
