import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseIp } from '../../../src/base/address.ts'
import { Log } from '../../../src/log/log.ts'
import { mapperOf } from '../../../src/mapping/mapper-of.ts'
import type { PortMapper } from '../../../src/mapping/port-mapper.ts'
import { eventually } from '../../support/lifecycle.ts'
import { loaded } from '../../support/settings.ts'
import { SimRouter } from '../../support/sim-router.ts'

t.test('the ports of listeners that the Internet reaches are mapped, and those to relay from', async t => {
  const { router, mapper } = await scene(t, {
    listen: [
      'udp://0.0.0.0:3478',
      'tcp://192.168.1.5:3478',
      'udp://127.0.0.1:4000',
      'udp://[::]:4001',
      'udp://0.0.0.0:0',
    ],
  })
  mapper.start()
  t.ok(await eventually(() => !mapper.waiting))

  t.same([...router.table.keys()].sort(), ['tcp 3478', 'udp 3478', 'udp 50000', 'udp 50001'])
  t.same(await mapper.external(), Uint8Array.of(80, 1, 1, 7))
  await mapper.stop(true)
  t.equal(router.table.size, 0)
})

t.test('with one relay port there is one mapping for it', async t => {
  const { router, mapper } = await scene(t, {
    listen: ['udp://0.0.0.0:3478', 'tcp://0.0.0.0:3478'],
    relay: { ports: '3479', portMapping: 'auto' },
  })
  mapper.start()
  t.ok(await eventually(() => !mapper.waiting))
  t.same([...router.table.keys()].sort(), ['tcp 3478', 'udp 3478', 'udp 3479'])
})

t.test('what is handed over stays mapped', async t => {
  const { router, mapper } = await scene(t, {})
  mapper.start()
  t.ok(await eventually(() => !mapper.waiting))
  await mapper.stop(false)
  t.ok(router.table.size > 0)
})

t.test('a router that does not listen is told, in a sentence', async t => {
  const { router, mapper, lines, close } = await scene(t, {})
  await close()
  mapper.start()
  t.ok(await eventually(() => mapper.waiting?.key === 'mapping.silent'))

  t.match(lines.join('\n'), /ports are not mapped: the router 127\.0\.0\.1 does not answer requests/)
  t.equal(router.table.size, 0)
  await mapper.stop(true)
})

t.test('the key of the nonces is kept, and nobody else can read it', async t => {
  const state = mkdtempSync(join(tmpdir(), 'mapping-key-'))
  t.teardown(() => rmSync(state, { recursive: true, force: true }))
  const file = join(state, 'mapping.key')
  const make = () => scene(t, { state })
  await make()
  const key = readFileSync(file, 'utf8')
  t.match(key, /^[0-9a-f]{64}\n$/)
  t.equal(statSync(file).mode & 0o777, 0o600)
  await make()
  t.equal(readFileSync(file, 'utf8'), key)
})

t.test('a relay that was not told to asks no router', async t => {
  const { settings } = loaded()
  const log = new Log({ level: 'info', format: 'json', sink: { write: () => true } })
  t.equal(mapperOf(settings, { log, moved: () => {} }), undefined)
})

t.test('more ports than a router maps are refused, with a range that would do', async t => {
  const ports = (range: string) => () => loaded({ relay: { ports: range, portMapping: 'auto' } })
  t.throws(
    ports('49152-65535'),
    /16,?384 ports, more than a router maps[\s\S]*at most, such as "49152-49407"/,
  )
  t.doesNotThrow(ports('49152-49407'))
})

t.test('another address of this machine is mapped in place of one that it has lost', async t => {
  const { router, mapper, lines, state } = await scene(t, {})
  mapper.start()
  t.ok(await eventually(() => !mapper.waiting))
  router.table.clear()
  mapper.look()
  t.equal(router.table.size, 0, 'nothing to do')

  state.own = '127.0.0.9'
  mapper.look()
  t.ok(await eventually(() => router.table.size > 0), 'asked for anew, from the address that there is now')
  t.ok(
    await eventually(() => lines.filter(line => /ports mapped in the router/.test(line)).length === 2),
    'and told',
  )
})

t.test('a router that cannot be sent to at all is told, and tried again', async t => {
  const { router, mapper, state } = await scene(t, {})
  // The kernel lets nobody connect to a broadcast address.
  state.gateway = '255.255.255.255'
  mapper.start()
  t.ok(await eventually(() => mapper.waiting?.key === 'mapping.silent'))
  state.gateway = '127.0.0.1'
  mapper.look()
  t.ok(await eventually(() => !mapper.waiting))
  t.ok(router.table.size > 0)
})

t.test('an address that only the router knows is not asked for without port mappings', async t => {
  const addresses = ['auto=pcp']
  t.throws(
    () => loaded({ relay: { addresses } }),
    /"auto=pcp" is to be asked of the router[\s\S]*portMapping/,
  )
  t.doesNotThrow(() => loaded({ relay: { addresses, ports: '50000-50031', portMapping: 'pcp' } }))
})

/** A mapper whose router is at a port of loopback, and knows what is asked of it. */
async function scene(t: Test, config: Readonly<Record<string, unknown>>) {
  const router = new SimRouter()
  const socket = createSocket('udp4')
  socket.on('message', (request, { port }) => {
    const answer = router.answer(request, performance.now())
    if (answer) socket.send(answer, port, '127.0.0.1')
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port: routerPort } = socket.address()
  let isOpen = true
  const close = async () => {
    if (!isOpen) return
    isOpen = false
    socket.close()
    await once(socket, 'close')
  }
  t.teardown(close)
  const lines: string[] = []
  const state = { own: '127.0.0.1', gateway: '127.0.0.1' }
  const log = new Log({ level: 'info', format: 'json', sink: { write: (line: string) => lines.push(line) } })
  const { settings } = loaded({ relay: { ports: '50000-50001', portMapping: 'auto' }, ...config })
  const mapper = mapperOf(settings, {
    log,
    moved: () => {},
    gateway: family => (family === 4 ? { ip: parseIp(state.gateway)!, device: 'lo' } : undefined),
    routerPort,
    searchPort: routerPort,
    own: () => [parseIp(state.own)!],
  }) as PortMapper
  t.teardown(() => mapper.stop(false))
  return { router, mapper, lines, close, state }
}
