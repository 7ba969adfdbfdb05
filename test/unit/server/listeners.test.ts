import t from 'tap'
import { type Address, formatAddress, parseAddress, parseIp } from '../../../src/base/address.ts'
import type { Listener } from '../../../src/config/values/listener.ts'
import { Listeners } from '../../../src/relay/listening/listeners.ts'
import { cannotRelay, cannotServe, StartError } from '../../../src/relay/start-error.ts'

const own = [parseIp('127.0.0.1')!, parseIp('192.0.2.5')!]

t.test('a UDP wildcard is bound address by address, a TCP one once', async t => {
  const { listeners, bound } = start(['udp 0.0.0.0:3478', 'tcp 0.0.0.0:3478'])

  await listeners.open(own)

  t.same(bound, ['udp 127.0.0.1:3478', 'udp 192.0.2.5:3478', 'tcp 0.0.0.0:3478'])
  t.same(listeners.bound, ['udp://127.0.0.1:3478', 'udp://192.0.2.5:3478', 'tcp://0.0.0.0:3478'])
})

t.test('an address in use is named, with the command that shows by whom', async t => {
  const { listeners } = start(['udp 192.0.2.5:3478'], { 'udp 192.0.2.5:3478': 'EADDRINUSE' })

  await t.rejects(listeners.open(own), {
    name: 'StartError',
    exitCode: 3,
    message: /udp:\/\/192\.0\.2\.5:3478: .*ss -lunp 'sport = :3478'/,
  })
})

for (const [code, hint] of [
  ['EACCES', /CAP_NET_BIND_SERVICE/],
  ['EADDRNOTAVAIL', /ip address/],
  ['EAFNOSUPPORT', /leave the entry out/],
  ['EMFILE', /LimitNOFILE/],
] as const) {
  t.test(`${code} says what to do`, async t => {
    const { listeners } = start(['tcp 192.0.2.5:443'], { 'tcp 192.0.2.5:443': code })

    await t.rejects(listeners.open(own), { message: hint })
  })
}

t.test(
  'a family that the machine lacks is an error where it was asked for, and left out where it was not',
  async t => {
    const wanted = ['tcp 0.0.0.0:3478', 'tcp [::]:3478', 'udp [::]:3478']
    const faults = { 'tcp [::]:3478': 'EAFNOSUPPORT' }
    const strict = start(wanted, faults)
    const lenient = start(wanted, faults, true)

    await t.rejects(strict.listeners.open(own), StartError)
    await lenient.listeners.open(own)

    t.same(lenient.listeners.bound, ['tcp://0.0.0.0:3478'])
  },
)

t.test('a machine without any address cannot listen', async t => {
  const { listeners } = start(['udp 0.0.0.0:3478'], {}, true)

  await t.rejects(listeners.open([]), StartError)
})

t.test('an address that the machine gets later is listened on, once', async t => {
  const { listeners, bound } = start(['udp 0.0.0.0:3478', 'tcp 0.0.0.0:3478'])
  await listeners.open(own)
  const added: string[] = []
  const more = [...own, parseIp('198.51.100.9')!]

  listeners.rescan(more, at => added.push(at))
  await new Promise(setImmediate)
  listeners.rescan(more, at => added.push(at))
  await new Promise(setImmediate)

  t.same(added, ['udp://198.51.100.9:3478'])
  t.equal(bound.length, 4)
})

t.test('a relay address that is not there, and a metrics page that cannot be, are explained', async t => {
  t.match(
    cannotRelay(parseIp('203.0.113.7')!, fault('EADDRNOTAVAIL')).message,
    /203\.0\.113\.7: .*local=public/,
  )
  t.match(cannotServe('127.0.0.1:9641', 9641, fault('EADDRINUSE')).message, /`metrics` another address/)
  t.match(cannotServe('127.0.0.1:9641', 9641, fault('EODD')).message, /fault EODD/)
})

t.test('what the service manager has bound is adopted, and only that', async t => {
  const { listeners, bound } = start(
    ['udp 0.0.0.0:3478', 'tcp 0.0.0.0:3478', 'tls 0.0.0.0:443', 'udp 192.0.2.5:5000'],
    {},
    false,
    ['udp 192.0.2.5:3478', 'tcp 0.0.0.0:443', 'udp 192.0.2.5:5000'],
  )

  await listeners.open(own)

  t.same(bound, [
    'udp 127.0.0.1:3478',
    'udp 192.0.2.5:3478 from 3',
    'tcp 0.0.0.0:3478',
    'tls 0.0.0.0:443 from 4',
    'udp 192.0.2.5:5000 from 5',
  ])
  t.same(listeners.warnings, [])
})

t.test(
  'one UDP socket for all addresses is taken as it is, and warned of where there are several',
  async t => {
    const { listeners, bound } = start(['udp 0.0.0.0:3478'], {}, false, ['udp 0.0.0.0:3478'])
    const several = [...own, parseIp('198.51.100.9')!]

    await listeners.open(several)
    listeners.rescan([...several, parseIp('198.51.100.10')!], () => t.fail('it has them all'))

    t.same(bound, ['udp 0.0.0.0:3478 from 3'])
    t.match(listeners.warnings, [{ key: 'warn.oneSocket', values: { at: 'udp://0.0.0.0:3478' } }])
  },
)

t.test('a socket that nobody would read is refused', async t => {
  for (const [wanted, handed] of [
    ['udp 192.0.2.5:3478', 'tcp 192.0.2.5:3478'],
    ['tcp 0.0.0.0:3478', 'tcp 0.0.0.0:443'],
    ['tcp 0.0.0.0:443', 'tcp 192.0.2.5:443'],
  ] as const) {
    const { listeners, bound } = start([wanted], {}, false, [handed])

    await t.rejects(listeners.open(own), { name: 'StartError', message: /hands over .* no such entry/ })
    t.same(bound, [])
  }
})

function start(
  wanted: string[],
  faults: Record<string, string> = {},
  lenient = false,
  handed: readonly string[] = [],
) {
  const bound: string[] = []
  const bind = (transport: string, address: Address, fd?: number): NodeJS.ErrnoException | null => {
    const at = `${transport} ${formatAddress(address)}`
    if (faults[at]) return fault(faults[at])
    bound.push(fd === undefined ? at : `${at} from ${fd}`)
    return null
  }
  const listeners = new Listeners(
    wanted.map(listener),
    ({ transport, address }, done, bound) => {
      const error = bind(transport, address, bound?.fd)
      if (error) done(error)
      else done(null, address)
    },
    lenient,
    handed.map((text, i) => {
      const { transport, address } = listener(text)
      return { fd: 3 + i, name: `socket ${i}`, transport: transport === 'udp' ? 'udp' : 'tcp', address }
    }),
  )
  return { listeners, bound }
}

function listener(text: string): Listener {
  const [transport, at] = text.split(' ')
  return { transport: transport as Listener['transport'], address: parseAddress(at!)! }
}

function fault(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`fault ${code}`), { code })
}
