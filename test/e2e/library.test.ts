import { execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t from 'tap'
import { need } from '../support/need.ts'

const ROOT = resolve(import.meta.dirname, '../..')
/** The tools that built us; a stranger's project has its own. */
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc')

t.setTimeout(300_000)
const folder = strangersProject()
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

t.test('the packed library builds and runs in a TypeScript project, as a module and by require', async t => {
  writeFileSync(
    join(folder, 'use.ts'),
    `import { startRelay, type RunningRelay, TaciturnError } from 'taciturn'
import { connect, query, TurnRejected } from 'taciturn/client'
import { get, MessageWriter, Method, parse, XOR_MAPPED_ADDRESS } from 'taciturn/stun'
const configuration = { realm: 'example.org', listen: ['udp://127.0.0.1:0'], relay: { addresses: ['127.0.0.1'] } }
const relay: RunningRelay = await startRelay({ configuration })
const { port } = await query(relay.urls[0]!)
const connection = await connect(relay.urls[0]!, relay.credential())
const granted = await connection.allocate({ lifetime: 600 })
const lifetime: number = granted.lifetime
connection.on('data', (payload, peer) => console.log(payload.length, peer.port))
await connection.close()
const message = parse(new MessageWriter('request', Method.Binding, Buffer.alloc(12)).finish())
if (message.kind === 'message') get(message, XOR_MAPPED_ADDRESS)?.port.toFixed()
console.log(port > 0, lifetime, typeof TurnRejected, typeof TaciturnError)
await relay.stop()
`,
  )
  writeFileSync(
    join(folder, 'use.cts'),
    `import taciturn = require('taciturn')
void taciturn.startRelay({ configuration: { realm: 'example.org', listen: ['udp://127.0.0.1:0'], relay: { addresses: ['127.0.0.1'] } } }).then(relay => relay.stop())
`,
  )
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        module: 'nodenext',
        target: 'es2022',
        strict: true,
        exactOptionalPropertyTypes: true,
        types: ['node'],
      },
      include: ['use.ts', 'use.cts'],
    }),
  )

  t.equal(run(folder, [TSC, '-p', '.']), '')
  t.equal(run(folder, ['use.js']), 'true 600 function function\n')
  t.equal(run(folder, ['use.cjs']), '')
})

t.test('the exports of the package are what its readers expect', async t => {
  const publint = join(ROOT, 'node_modules/publint/src/cli.js')
  const said = run(join(folder, 'node_modules/taciturn'), [publint, '--strict'])
  t.match(said, /All good!/)
})

t.test('the examples run', async t => {
  cpSync(join(ROOT, 'examples'), folder, { recursive: true })
  t.match(run(folder, ['relay-in-a-test.mjs']), /transport=udp.*said hello\n.*transport=tcp.*said hello/)
  t.match(run(folder, ['messages.mjs']), /28 octets\nmapped to port 40000, says an example/)
})

t.test('two pages of Chromium are relayed by a relay inside a test', need('chromium'), async t => {
  cpSync(join(ROOT, 'examples'), folder, { recursive: true })
  t.match(run(folder, ['two-browsers.mjs']), /two browsers: hello from bob, from relay to relay/)
})

t.test('the examples run through coturn', need('turnserver'), async t => {
  cpSync(join(ROOT, 'examples'), folder, { recursive: true })
  const port = await freePort()
  const options = [
    '-n',
    '-a',
    '-u',
    'alice:wonderland',
    '-r',
    'example.org',
    '-p',
    `${port}`,
    '-L',
    '127.0.0.1',
  ]
  const more = ['--allow-loopback-peers', '--no-tls', '--no-dtls', '--no-cli', '-l', 'stdout', '--simple-log']
  const turnserver = spawn('turnserver', [...options, ...more], { cwd: folder })
  t.teardown(() => turnserver.kill())
  const uri = `turn:127.0.0.1:${port}?transport=tcp`
  await answers(folder, uri)

  t.match(run(folder, ['stun-query.mjs', `stun:127.0.0.1:${port}`]), /sees 127\.0\.0\.1:\d+/)
  const echo = spawn(
    process.execPath,
    [
      '-e',
      `const s = require('node:dgram').createSocket('udp4')
s.on('message', (m, r) => s.send(m, r.port, r.address))
s.bind(0, '127.0.0.1', () => console.log(s.address().port))`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  t.teardown(() => echo.kill())
  const [peer] = await new Promise<[Buffer]>(done => echo.stdout.once('data', data => done([data])))
  const said = run(folder, ['client.mjs', uri, 'alice', 'wonderland', '127.0.0.1', String(peer).trim()])
  t.match(said, /relayed by 127\.0\.0\.1:\d+ for 600 s\nthe peer answered: hello/)
})

/** A folder with the packed library in its node_modules, and what that depends on beside it. */
function strangersProject(): string {
  const folder = mkdtempSync(join(tmpdir(), 'library-'))
  execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], { cwd: ROOT })
  const tarball = readdirSync(folder).find(name => name.endsWith('.tgz'))!
  const modules = join(folder, 'node_modules')
  mkdirSync(modules)
  execFileSync('tar', ['xzf', join(folder, tarball), '-C', modules])
  execFileSync('mv', [join(modules, 'package'), join(modules, 'taciturn')])
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (!name.startsWith('.') && name !== 'taciturn')
      symlinkSync(join(ROOT, 'node_modules', name), join(modules, name))
  }
  writeFileSync(join(folder, 'package.json'), '{ "name": "stranger", "type": "module", "private": true }')
  return folder
}

function run(cwd: string, argv: readonly string[]): string {
  return execFileSync(process.execPath, argv, { cwd, encoding: 'utf8', timeout: 180_000 })
}

async function answers(folder: string, uri: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      run(folder, ['stun-query.mjs', uri])
      return
    } catch (error) {
      if (attempt === 50) throw error
    }
  }
}

function freePort(): Promise<number> {
  return new Promise(done => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => done(port))
    })
  })
}
