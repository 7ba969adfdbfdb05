import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { S3Store } from '../../src/ledger/backups/s3-store.ts'
import { backupSuite, storeSuite } from '../support/backup-suite.ts'
import { need } from '../support/need.ts'
import { Postgresql } from '../support/postgresql.ts'
import { S3Server } from '../support/s3-server.ts'

t.setTimeout(240_000)

const sqlite = async (t: Test) => {
  const folder = mkdtempSync(join(tmpdir(), 'taciturn-backups-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'ledger.sqlite')
}

t.test('backups of PostgreSQL, restored to PostgreSQL and to SQLite', async t => {
  const postgresql = await Postgresql.start(t as Test)
  backupSuite(t as Test, async () => postgresql.database(), [sqlite])
})

/** A line to a server on which things go wrong: `fault` may answer a request, or end its connection. */
async function faultyLine(
  t: Test,
  port: number,
  fault: (method: string, path: string, answer: ServerResponse) => boolean,
) {
  const line = createServer((asked, answer) => {
    const { method = '', url = '', headers } = asked
    if (fault(method, url, answer)) return
    const onwards = request({ port, host: '127.0.0.1', method, path: url, headers }, got => {
      answer.writeHead(got.statusCode!, got.headers)
      got.pipe(answer)
    })
    onwards.on('error', () => answer.destroy())
    asked.pipe(onwards)
  })
  await new Promise<void>(resolve => line.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    line.closeAllConnections()
    line.close()
  })
  return (line.address() as AddressInfo).port
}

async function* zeroes(octets: number): AsyncGenerator<Buffer> {
  for (let left = octets; left > 0; left -= 65_536) yield Buffer.alloc(Math.min(left, 65_536))
}

t.test('backups in a store that speaks S3', need('versitygw'), async t => {
  const server = await S3Server.start(t as Test)
  storeSuite(t as Test, async () => ({ s3: server.bucket() }))

  t.test('more files than one answer lists are all found', async t => {
    const plan = server.bucket()
    const store = new S3Store(plan)
    const names = Array.from({ length: 1030 }, (_, i) => `<${i}> & more`)
    for (const name of names) await store.put(name, zeroes(1))
    const found = await store.list()
    t.strictSame(found.map(({ name }) => name).sort(), names.sort())
  })

  t.test('requests that fail are sent again, and a download goes on where it broke', async t => {
    const plan = server.bucket()
    const failing = { count: 0 }
    const port = await faultyLine(t as Test, server.port, (method, _, answer) => {
      // Every other request is refused, or its connection ends.
      if (++failing.count % 2 === 1) {
        if (failing.count % 4 === 1) answer.destroy()
        else answer.writeHead(503).end('<Error><Code>SlowDown</Code></Error>')
        return true
      }
      if (method === 'GET') {
        const end = answer.write.bind(answer)
        let sent = 0
        answer.write = ((chunk: Buffer) => {
          sent += chunk.length
          if (sent > 3 << 20) answer.destroy()
          return end(chunk)
        }) as typeof answer.write
      }
      return false
    })
    // Signed for the line: its host is passed on.
    const store = new S3Store({ ...plan, endpoint: `http://127.0.0.1:${port}` }, 1)
    const octets = (12 << 20) + 5
    await store.put('large', zeroes(octets))
    let length = 0
    for await (const piece of store.get('large')) length += piece.length
    t.equal(length, octets)
    t.ok(failing.count > 12)
  })

  t.test('what the server will never do is not tried again, and no error has a secret in it', async t => {
    const plan = server.bucket()
    let asked = 0
    const port = await faultyLine(t as Test, server.port, () => {
      asked++
      return false
    })
    const endpoint = `http://127.0.0.1:${port}`
    const wrong = new S3Store({ ...plan, endpoint, secretAccessKey: 'another secret' }, 1)
    const why = await wrong.list().then(
      () => '',
      error => `${error.stack}${JSON.stringify(error)}`,
    )
    t.match(why, /403 SignatureDoesNotMatch/)
    t.notMatch(why, /another secret/)
    t.equal(asked, 1)
    await t.rejects(new S3Store({ ...plan, bucket: 'nobody' }, 1).list(), /404 NoSuchBucket/)
    const none = new S3Store(plan, 1).get('none')[Symbol.asyncIterator]()
    await t.rejects(none.next(), /404 NoSuchKey/)
    await server.stop()
    await t.rejects(new S3Store(plan, 1).list(), /ECONNREFUSED/)
    await server.run()
  })

  t.test('a file in parts that could not be finished leaves no parts behind', async t => {
    const plan = server.bucket()
    const port = await faultyLine(t as Test, server.port, (method, path, answer) => {
      if (method !== 'PUT' || !path.includes('partNumber=2')) return false
      answer.writeHead(403).end('<Error><Code>QuotaExceeded</Code></Error>')
      return true
    })
    const store = new S3Store({ ...plan, endpoint: `http://127.0.0.1:${port}` }, 1)
    await t.rejects(store.put('large', zeroes(11 << 20)), /403 QuotaExceeded/)
    t.same(await store.list(), [])
    t.same(await uploads(plan), [])
  })
})

/** Files that were begun in parts. */
async function uploads(plan: ReturnType<S3Server['bucket']>): Promise<string[]> {
  const { AwsClient } = await import('aws4fetch')
  const client = new AwsClient({ ...plan, service: 's3' })
  const text = await (await client.fetch(`${plan.endpoint}/${plan.bucket}?uploads=`)).text()
  return [...text.matchAll(/<UploadId>/g)].map(String)
}
