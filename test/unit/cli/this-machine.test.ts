import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseIp } from '../../../src/base/address.ts'
import { type HostMachine, machineFindings } from '../../../src/cli/this-machine.ts'
import { cliWords } from '../../../src/cli/words.ts'
import { run } from '../../support/captured.ts'
import { HOMESERVER, loadText } from '../../support/loading.ts'

const MACHINE: HostMachine = {
  ips: [parseIp('192.0.2.5')!, parseIp('2001:db8::5')!],
  firstPort: 1024,
  service: undefined,
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
