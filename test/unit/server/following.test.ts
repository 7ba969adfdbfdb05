import t from 'tap'
import { type Family, formatIp, parseIp } from '../../../src/base/address.ts'
import type { Machine } from '../../../src/net/kernel/machine.ts'
import type { RelayEntry, ResolvedRelayAddress } from '../../../src/net/ports/relay-addresses.ts'
import { Following, type Looked } from '../../../src/relay/following.ts'
import { sayRunning } from '../../../src/texts/running.ts'

/** A machine and a DNS that change as the test says. */
function scene(entries: readonly RelayEntry[], first: string, named: Readonly<Record<string, string>> = {}) {
  const state = {
    addresses: first,
    unbindable: [] as string[],
    named: { ...named } as Record<string, string>,
    router: undefined as string | undefined,
    stun: undefined as string | undefined,
    askedFrom: [] as string[],
  }
  const changes: string[] = []
  const lines: string[] = []
  const machine = (): Machine => ({
    addresses: ['127.0.0.1', ...state.addresses.split(' ')]
      .flatMap(text => parseIp(text) ?? [])
      .map(ip => ({ ip, device: 'eth0', isLasting: true })),
    ways: new Map<Family, string>([[4, 'eth0']]),
  })
  const following = new Following(entries, {
    log: {
      info: (text: string) => void lines.push(text),
      warn: text => void lines.push(typeof text === 'string' ? text : sayRunning(text, 'en')),
    },
    tryRelay: (local, done) => {
      const isHere = machine().addresses.some(({ ip }) => formatIp(ip) === formatIp(local))
      const isBad = !isHere || state.unbindable.includes(formatIp(local))
      done(isBad ? Object.assign(new Error('bind'), { code: 'EADDRNOTAVAIL' }) : null)
    },
    changed: relays => void changes.push(shown(relays)),
    machine,
    lookup: async (name): Promise<Looked[]> => {
      const text = state.named[name]
      if (text === undefined) throw new Error('ENOTFOUND')
      return text.split(' ').map(one => ({ ip: parseIp(one)!, ttl: 60 }))
    },
    router: async () => (state.router === undefined ? undefined : parseIp(state.router)),
    stun: async ({ host, port }, family, local) => {
      state.askedFrom.push(`${host}:${port} IPv${family} ${local ? formatIp(local) : 'any'}`)
      if (state.stun === undefined) throw new Error('no answer')
      return parseIp(state.stun)!
    },
  })
  t.teardown(() => following.stop())
  return { state, changes, lines, following }
}

function shown(relays: readonly ResolvedRelayAddress[]): string {
  return relays.map(one => `${formatIp(one.local)}=${formatIp(one.public)}`).join(' ')
}

t.test(
  'O-09: auto gives up an address once there is another, and waits for one that has only gone',
  async t => {
    const { state, changes, following, lines } = scene(['auto'], '11.0.0.1')
    await following.start()
    t.equal(shown(following.addresses), '11.0.0.1=11.0.0.1')

    state.addresses = '11.0.0.9'
    await following.look()
    t.equal(changes.at(-1), '11.0.0.9=11.0.0.9')
    t.same(following.waiting, [])

    state.addresses = ''
    await following.look()
    t.equal(shown(following.addresses), '11.0.0.9=11.0.0.9', 'calls live on')
    t.match(following.waiting.at(-1), { key: 'waiting.gone', values: { ip: '11.0.0.9' } })
    t.match(lines.join(), /waiting: .*11\.0\.0\.9/)
  },
)

t.test('P-04: an address that cannot be bound keeps nothing else from working', async t => {
  const { state, following } = scene(['auto'], '11.0.0.1 2a00::7')
  state.unbindable = ['2a00::7']
  await following.start()

  t.equal(shown(following.addresses), '11.0.0.1=11.0.0.1')
  t.same(following.waiting, [{ key: 'waiting.missing', values: { ip: '2a00::7' } }])
  state.unbindable = []
  await following.look()
  t.equal(shown(following.addresses), '11.0.0.1=11.0.0.1 2a00::7=2a00::7')
  t.same(following.waiting, [])
})

t.test('a relay with fixed addresses of which none is there does not start', async t => {
  const { following } = scene([{ local: parseIp('11.0.0.5')! }], '11.0.0.1')

  await t.rejects(following.start(), /cannot relay from 11\.0\.0\.5: this machine has no such address/)
})

t.test('U-09: a name is looked up again, and its new address is told to clients', async t => {
  const entry = { local: parseIp('192.168.1.5')!, public: 'turn.example.org' }
  const { state, following } = scene([entry], '192.168.1.5')
  await following.start()
  t.equal(shown(following.addresses), '', 'not known yet')
  t.same(following.waiting, [{ key: 'waiting.unknownName', values: { family: 4, name: 'turn.example.org' } }])

  for (const [answer, told] of [
    ['81.1.1.1', '81.1.1.1'],
    ['81.1.1.2 81.1.1.1', '81.1.1.1'],
    ['81.1.1.3', '81.1.1.3'],
  ] as const) {
    state.named['turn.example.org'] = answer
    await following.refresh()
    t.equal(shown(following.addresses), `192.168.1.5=${told}`, answer)
  }
  delete state.named['turn.example.org']
  await following.refresh()
  t.equal(shown(following.addresses), '192.168.1.5=81.1.1.3', 'what was known stays')
})

t.test('an address that the router names is followed as soon as it names another', async t => {
  for (const local of ['auto' as const, parseIp('192.168.1.5')!]) {
    const { state, following } = scene([{ local, public: { from: 'router' } }], '192.168.1.5')
    following.moved()
    await following.start()
    t.equal(shown(following.addresses), '', 'not known yet')
    t.same(following.waiting, [{ key: 'waiting.router', values: {} }])

    for (const ip of ['80.1.1.7', '80.1.1.99']) {
      state.router = ip
      following.moved()
      await following.refresh()
      t.equal(shown(following.addresses), `192.168.1.5=${ip}`)
      t.same(following.waiting, [])
    }
    t.match(following.lastChange, { from: '80.1.1.7', to: '80.1.1.99' })
    state.router = undefined
    await following.refresh()
    t.equal(shown(following.addresses), '192.168.1.5=80.1.1.99', 'what was known stays')
  }
})

t.test(
  'a STUN server is asked again and again from the relay address, by nobody but who named it',
  async t => {
    const asked = { from: 'stun', host: 'stun.example.org', port: 19302 } as const
    const { state, following } = scene([{ local: parseIp('192.168.1.5')!, public: asked }], '192.168.1.5')
    await following.start()
    t.match(following.waiting, [{ key: 'waiting.stun', values: { server: 'stun.example.org:19302' } }])
    for (const ip of ['80.1.1.7', '80.1.1.99']) {
      state.stun = ip
      await following.refresh()
      t.equal(shown(following.addresses), `192.168.1.5=${ip}`)
    }
    t.same(new Set(state.askedFrom), new Set(['stun.example.org:19302 IPv4 192.168.1.5']))

    const other = scene(['auto'], '11.0.0.1')
    await other.following.start()
    t.same(other.state.askedFrom, [])
  },
)
