import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseIp } from '../../../src/base/address.ts'
import { type HostMachine, machineFindings } from '../../../src/cli/this-machine.ts'
import { cliWords } from '../../../src/cli/words.ts'
import { run } from '../../support/captured.ts'
import { HOMESERVER, loadText } from '../../support/loading.ts'

/** Binds a UDP port and says which. */
const TAKE = `
const socket = require('node:dgram').createSocket('udp4')
socket.bind(0, '127.0.0.1', () => process.stdout.write(String(socket.address().port)))
`

const MACHINE: HostMachine = {
  ips: [parseIp('192.0.2.5')!, parseIp('2001:db8::5')!],
  firstPort: 1024,
  service: undefined,
  sockets: [],
  isPlainUser: true,
}

function found(t: Parameters<typeof loadText>[0], text: string, machine: Partial<HostMachine> = {}) {
  return machineFindings(
    loadText(t, `{ ${HOMESERVER}, ${text} }`),
    { ...MACHINE, ...machine },
    cliWords('en'),
  )
}

t.test('U-16: an address that this machine does not have is found', async t => {
  t.match(found(t, '"relay": { "addresses": ["192.168.44.4=198.51.100.7"] }'), [
    { text: /relay\.addresses\[0\].*192\.168\.44\.4/, prevents: true },
  ])
  t.match(found(t, '"listen": ["udp://192.0.2.6:3478"]'), [
    { text: /listen\[0\].*192\.0\.2\.6/, prevents: true },
  ])
  t.same(
    found(t, '"relay": { "addresses": ["192.0.2.5", "2001:db8::5"] }, "listen": ["udp://[::]:3478"]'),
    [],
  )
})

t.test('U-16: a port that needs a privilege is found, and may be provided for', async t => {
  t.match(found(t, '"listen": ["tcp://0.0.0.0:443"]'), [{ text: /listen\[0\].*1024/, prevents: false }])
  t.same(found(t, '"listen": ["tcp://0.0.0.0:443"]', { isPlainUser: false }), [])
})

t.test('U-16: a port that another program has is found, and whose it is', async t => {
  const held = (transport: 'udp' | 'tcp', ip: string, port: number) => ({
    transport,
    ip: parseIp(ip)!,
    port,
    holder: 'turnserver (process 812)',
  })
  const listen = '"listen": ["udp://0.0.0.0:3478", "udp://[::]:3478", "tcp://192.0.2.5:5349"]'
  const text = (...sockets: ReturnType<typeof held>[]) => found(t, listen, { sockets }).map(one => one.text)
  t.same(text(held('udp', '192.0.2.5', 3478)), [
    'udp://0.0.0.0:3478 taken by turnserver (process 812): stop it, or listen elsewhere',
  ])
  t.match(text(held('udp', '::', 3478)), [/^udp:\/\/0\.0\.0\.0:3478, udp:\/\/\[::\]:3478 taken by/])
  t.match(text(held('tcp', '0.0.0.0', 5349)), [/^tcp:\/\/192\.0\.2\.5:5349 taken by/])
  t.same(text(held('tcp', '0.0.0.0', 3478)), [], 'another transport')
  t.same(text(held('tcp', '192.0.2.6', 5349)), [], 'another address')
  t.same(text(held('udp', '0.0.0.0', 3479)), [], 'another port')
  t.match(found(t, listen, { sockets: [held('udp', '::', 3478)] }), [{ prevents: false }])
})

t.test('U-16: validate sees a socket of another program, and not those of a relay', async t => {
  const taker = spawn(process.execPath, ['-e', TAKE], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => taker.kill())
  const [port] = (await once(taker.stdout, 'data')).map(String)
  const config = `{ ${HOMESERVER}, "realm": "a", "listen": ["udp://127.0.0.1:${port}"] }`
  const folder = t.testdir({ 'turnserver.json': config })
  chmodSync(join(folder, 'turnserver.json'), 0o600)
  const { code, stderr } = await run(folder, ['validate'])
  t.equal(code, 0, 'it may be stopped before the relay starts')
  t.match(stderr, new RegExp(`udp://127\\.0\\.0\\.1:${port} taken by node \\(process ${taker.pid}\\)`))
})

t.test("O-08: a file that the service's user cannot read is found", async t => {
  const loaded = loadText(t, `{ ${HOMESERVER} }`)
  const [file] = loaded.files
  chmodSync(file!, 0o600)
  const service = { uid: 54_321, name: 'taciturn' }
  const lines = machineFindings(loaded, { ...MACHINE, service }, cliWords('en'))
  t.match(lines, [{ text: /user taciturn cannot read .*turnserver\.json/, prevents: true }])
})

t.test('U-16: an empty --config is a mistake of usage, not the defaults', async t => {
  for (const argv of [
    ['validate', '--config', ''],
    ['serve', '--config', ''],
    ['doctor', '--config='],
  ]) {
    const { code, stderr } = await run(t.testdir({}), argv)
    t.equal(code, 2, argv.join(' '))
    t.match(stderr, /--config/)
  }
})

t.test('U-16: validate ends with 1 where the relay would not start on this machine', async t => {
  const folder = t.testdir({
    'turnserver.json': `{ ${HOMESERVER}, "realm": "a", "relay": { "addresses": ["203.0.113.199"] } }`,
  })
  chmodSync(join(folder, 'turnserver.json'), 0o600)
  const { code, stdout, stderr } = await run(folder, ['validate'])
  t.equal(code, 1)
  t.match(stdout, /is valid/)
  t.match(stderr, /on this machine: relay\.addresses\[0\]: .*203\.0\.113\.199/)
})
