import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import t, { type Test } from 'tap'
import { formatIp } from '../../../src/base/address.ts'
import {
  loadTls,
  TlsContext,
  type TlsFileError,
  type TlsFilePaths,
} from '../../../src/net/stream/tls/tls-context.ts'
import { sayRunning } from '../../../src/texts/running.ts'
import { makeCertificate, type TestCertificate } from './certificate.ts'
import { StreamWorld } from './stream-world.ts'

const DAY = 86_400_000
/** The user id of nobody on Linux. */
const NOBODY = 65_534

t.test('a pair is loaded with its names and its end', async t => {
  const end = Date.now() + 30.5 * DAY
  const files = store(t, makeCertificate({ name: 'turn.example.org', validTo: new Date(end) }))

  const material = loadTls(files)

  t.strictSame(material.names, ['turn.example.org', '127.0.0.1', '::1'])
  t.ok(Math.abs(material.validTo.getTime() - end) < 1000, 'to the second')
  t.strictSame(material.warnings, [])
})

for (const [what, from, to, warning] of [
  ['expired', -20, -10, /expired on \d+ \w+ \d{4}, \d\d:/],
  ['not valid yet', 10, 20, /not valid before .*check the clock/],
] as const) {
  t.test(`a certificate that is ${what} is served with a warning`, async t => {
    const at = (days: number) => new Date(Date.now() + days * DAY)
    const material = loadTls(store(t, makeCertificate({ validFrom: at(from), validTo: at(to) })))

    t.match(
      material.warnings.map(text => sayRunning(text, 'en')),
      [warning],
    )
    t.equal(material.validTo.getTime() < Date.now(), what === 'expired')
  })
}

for (const [what, change, path, says] of [
  [
    'a missing certificate',
    (f: TlsFilePaths) => unlinkSync(f.certificate),
    'certificate',
    /does not exist; name/,
  ],
  ['a missing key', (f: TlsFilePaths) => unlinkSync(f.key), 'key', /does not exist; name/],
  [
    'a certificate that is none',
    (f: TlsFilePaths) => writeFileSync(f.certificate, 'hello'),
    'certificate',
    /no PEM cert/,
  ],
  ['a key that is none', (f: TlsFilePaths) => writeFileSync(f.key, 'hello'), 'key', /no PEM private key/],
  [
    'a key of another certificate',
    (f: TlsFilePaths) => writeFileSync(f.key, makeCertificate().key),
    'key',
    /is not the key of the certificate in .*cert\.pem/,
  ],
  [
    'a key with a passphrase',
    (f: TlsFilePaths) => writeFileSync(f.key, '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END-----'),
    'key',
    /passphrase; remove it/,
  ],
] as const) {
  t.test(`${what} is refused, and the message names the file and how to fix it`, async t => {
    const files = store(t, makeCertificate())
    change(files)

    const error = attempt(() => loadTls(files)) as TlsFileError

    t.equal(error.name, 'TlsFileError')
    t.equal(error.path, files[path])
    t.ok(error.message.startsWith(`${files[path]}: `), error.message)
    t.match(error.message, says)
  })
}

t.test('a key that may not be read is refused, and the message says so', async t => {
  const { certificate, key } = store(t, makeCertificate())
  // Not below the checkout, whose folders may be closed to others.
  const folder = mkdtempSync(join(tmpdir(), 'tls-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  chmodSync(folder, 0o755)
  const files = { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
  copyFileSync(certificate, files.certificate)
  copyFileSync(key, files.key)
  chmodSync(files.certificate, 0o644)
  chmodSync(files.key, 0)
  // Root may read everything, so for a moment this process is nobody.
  const root = process.geteuid?.() === 0
  if (root) process.seteuid!(NOBODY)
  const error = attempt(() => loadTls(files)) as TlsFileError
  if (root) process.seteuid!(0)

  t.match(error.message, /may not be read; give/)
  t.equal(error.path, files.key)
})

t.test('a pair that is replaced on disk is served to new connections', async t => {
  const files = store(t, makeCertificate({ name: 'old.test' }))
  const world = new StreamWorld(t)
  const changed = watched(t, files, world)
  const at = await world.listen('tls')
  const name = () => servedName(at.port, formatIp(at.ip))
  t.equal(await name(), 'old.test')

  replace(files, makeCertificate({ name: 'new.test' }))
  await changed.next()

  t.equal(await name(), 'new.test')
})

t.test('links that are pointed at a new pair count as a change, as renewal programs do it', async t => {
  const old = makeCertificate({ name: 'old.test' })
  const fresh = makeCertificate({ name: 'new.test' })
  const folder = t.testdir({
    archive: {
      'cert1.pem': old.certificate,
      'key1.pem': old.key,
      'cert2.pem': fresh.certificate,
      'key2.pem': fresh.key,
    },
    live: {
      'cert.pem': t.fixture('symlink', '../archive/cert1.pem'),
      'key.pem': t.fixture('symlink', '../archive/key1.pem'),
    },
  })
  const files = { certificate: `${folder}/live/cert.pem`, key: `${folder}/live/key.pem` }
  const changed = watched(t, files)

  for (const what of ['cert', 'key']) {
    unlinkSync(`${folder}/live/${what}.pem`)
    symlinkSync(`../archive/${what}2.pem`, `${folder}/live/${what}.pem`)
  }

  t.strictSame((await changed.next()).names[0], 'new.test')
})

t.test('a broken new pair keeps the old one and is told of', async t => {
  const files = store(t, makeCertificate({ name: 'old.test' }))
  const told: string[] = []
  const context = new TlsContext(files, {
    changed: material => told.push(`changed ${material.names[0]}`),
    rotated: () => told.push('rotated'),
    broken: error => told.push(`broken ${error.path === files.key ? 'key' : 'certificate'}`),
  })
  t.teardown(() => context.close())

  writeFileSync(files.key, makeCertificate().key)
  t.equal(context.reload(), false)
  t.equal(context.material!.names[0], 'old.test')

  replace(files, makeCertificate({ name: 'new.test' }))
  t.equal(context.reload(), true)
  t.equal(context.material!.names[0], 'new.test')
  t.strictSame(told, ['broken key', 'changed new.test'])
})

t.test('a pair that is broken at start is an error at once', async t => {
  const files = store(t, makeCertificate())
  unlinkSync(files.key)

  t.throws(() => new TlsContext(files, { changed: () => {}, rotated: () => {}, broken: () => {} }), {
    name: 'TlsFileError',
  })
})

for (const [what, renew] of [
  ['their keys have been rotated', (context: TlsContext) => context.rotate()],
  ['the certificate has been read anew', (context: TlsContext) => context.reload()],
] as const) {
  t.test(`S-24: a session is resumed by its ticket, and no longer when ${what}`, async t => {
    const world = new StreamWorld(t)
    const context = new TlsContext(store(t, makeCertificate({ name: 'old.test' })), {
      changed: material => world.streams.setTls(material.options),
      rotated: material => world.streams.setTls(material.options),
      broken: error => t.fail(error.message),
    })
    t.teardown(() => context.close())
    world.streams.setTls(context.material!.options)
    const at = await world.listen('tls')
    const shake = async (session?: Buffer) => {
      const socket = connect({
        host: formatIp(at.ip),
        port: at.port,
        rejectUnauthorized: false,
        maxVersion: 'TLSv1.2',
        ...(session && { session }),
      })
      await once(socket, 'secureConnect')
      t.teardown(() => socket.destroy())
      return { ticket: socket.getSession()!, isResumed: socket.isSessionReused() }
    }

    const { ticket } = await shake()
    const before = await shake(ticket)
    renew(context)
    const after = await shake(ticket)

    t.same([before.isResumed, after.isResumed], [true, false])
  })
}

t.test('S-24: all threads get the same ticket keys, and a new certificate brings new ones', async t => {
  const files = store(t, makeCertificate())
  const keys = () => loadTls(files).options.ticketKeys!

  t.equal(keys().length, 48)
  t.notSame(keys(), keys())
})

function store(t: Test, pair: TestCertificate): TlsFilePaths {
  const folder = t.testdir({ 'cert.pem': pair.certificate, 'key.pem': pair.key })
  return { certificate: `${folder}/cert.pem`, key: `${folder}/key.pem` }
}

/** Replaces both files, each at once. */
function replace(files: TlsFilePaths, pair: TestCertificate): void {
  for (const what of ['certificate', 'key'] as const) {
    writeFileSync(`${files[what]}.new`, pair[what])
    renameSync(`${files[what]}.new`, files[what])
  }
}

/** Follows the files; `next` resolves with what is in use after the next change. */
function watched(
  t: Test,
  files: TlsFilePaths,
  world?: StreamWorld,
): { next(): Promise<ReturnType<typeof loadTls>> } {
  let resolve: (material: ReturnType<typeof loadTls>) => void = () => {}
  const next = new Promise<ReturnType<typeof loadTls>>(go => {
    resolve = go
  })
  const context = new TlsContext(files, {
    changed: material => {
      world?.streams.setTls(material.options)
      resolve(material)
    },
    rotated: material => world?.streams.setTls(material.options),
    broken: error => t.fail(error.message),
    settle: 50,
  })
  world?.streams.setTls(context.material!.options)
  // Following files keeps no process alive by itself.
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => {
    clearInterval(alive)
    context.close()
  })
  return { next: () => next }
}

function servedName(port: number, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host, rejectUnauthorized: false })
    socket.once('error', reject)
    socket.once('secureConnect', () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
  })
}

function attempt(what: () => unknown): unknown {
  try {
    return what()
  } catch (error) {
    return error
  }
}
