import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { run } from '../support/captured.ts'
import { Child, type Exit } from '../support/child.ts'
import { freePort } from '../support/ports.ts'
import { MAIN } from '../support/relay.ts'
import { ask, bindingRequest } from '../support/stun.ts'

const SECRET = 'qW4xT9bN2mK7vR5zL8cJ3hG6fD1sA0pY'
const MALFORMED: readonly (readonly [string, string])[] = [
  ['peers', '{ "deny": ["10.0.0.0/33"] }'],
  ['peers', '{ "deny": ["10.0.0.5/8"] }'],
  ['peers', '{ "allow": ["10.0.0.256"] }'],
  ['peers', '{ "allow": ["10.0.0.9-10.0.0.1"] }'],
  ['peers', '{ "only": ["*"] }'],
  ['peers', '{ "dney": [] }'],
  ['listen', '["udp://127.0.0.1:65536"]'],
  ['listen', '["udp://127.0.0.1:-1"]'],
  ['listen', '["sctp://127.0.0.1:3478"]'],
  ['listen', '"udp://127.0.0.1:3478"'],
  ['relay', '{ "ports": "50000-49152" }'],
  ['relay', '{ "ports": "80-90" }'],
  ['relay', '{ "ports": "49152-65536" }'],
  ['relay', '{ "addresses": ["127.0.0.1=::1"] }'],
  ['tls', '{ "certificate": "/nowhere/certificate.pem", "key": "/nowhere/key.pem" }'],
  ['limits', '{ "allocations": "many" }'],
  ['limits', '{ "allocations": -1 }'],
  ['limits', '{ "lifetime": "ten minutes" }'],
  ['log', '{ "level": "loud" }'],
  ['workers', '0'],
  ['lisen', '[]'],
  ['realm', '17'],
  ['metrics', '"http://127.0.0.1:99999"'],
]

t.setTimeout(300_000)

for (const [key, value] of MALFORMED) {
  t.test(`"${key}": ${value} is refused by line and column [OPS-21, SEC-13]`, async t => {
    const file = write(t, `  "${key}": ${value}`)
    const { code, stderr } = await run(t.testdirName, ['validate', '--config', file])
    t.equal(code, 3)
    t.match(stderr, new RegExp(`turnserver\\.json:3:\\d+: ${key}`))
  })
}

t.test('a relay with a malformed entry never starts, not even in part [OPS-21, SEC-13]', async t => {
  const port = await freePort()
  const lines = [`  "listen": ["udp://127.0.0.1:${port}"]`, '  "peers": { "deny": ["10.0.0.0/33"] }']
  const file = write(t, lines.join(',\n'))
  const { exit, stderr } = await serve(file)

  t.same(exit, { code: 3, signal: null })
  t.match(stderr, /turnserver\.json:4:\d+: peers\.deny\[0\]/)
  t.equal(await ask(port, bindingRequest(), 200), undefined)
})

t.test('secrets that everybody can read are warned of, or refused [OPS-21]', async t => {
  const inside = write(t, '  "workers": 1')
  chmodSync(inside, 0o644)
  const warned = await run(t.testdirName, ['validate', '--config', inside])
  t.match(warned.stdout + warned.stderr, /everyone on this machine can read the secrets/)

  const secret = join(t.testdirName, 'secret')
  writeFileSync(secret, SECRET)
  chmodSync(secret, 0o644)
  const text = readFileSync(inside, 'utf8').replace(`"secrets": ["${SECRET}"]`, `"secretFile": "${secret}"`)
  writeFileSync(inside, text)
  chmodSync(inside, 0o600)
  const refused = await run(t.testdirName, ['validate', '--config', inside])
  t.equal(refused.code, 3)
  t.match(refused.stderr, /everyone on this machine can read/)
})

t.test('a state folder that cannot be used is a clear error at the start [OPS-15]', async t => {
  const folder = t.testdir({ state: 'a file where a folder should be' })
  const child = new Child(process.execPath, [MAIN, 'serve'], {
    cwd: folder,
    env: { ...process.env, HOME: folder, STATE_DIRECTORY: join(folder, 'state') },
  })
  t.match(await child.exited, { code: 3 })
  t.match(child.stderr, /state/)
  t.notMatch(child.stderr, /^ +at /m, 'and no stack')
})

function write(t: Test, lines: string): string {
  const file = join(t.testdir(), 'turnserver.json')
  const homeservers = `  "homeservers": [{ "name": "example.org", "secrets": ["${SECRET}"] }]`
  writeFileSync(file, `{\n${homeservers},\n${lines}\n}\n`, { mode: 0o600 })
  return file
}

async function serve(file: string): Promise<{ exit: Exit; stderr: string }> {
  const child = new Child(process.execPath, [MAIN, 'serve', '--config', file])
  return { exit: await child.exited, stderr: child.stderr }
}
