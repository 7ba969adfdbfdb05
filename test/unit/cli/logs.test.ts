import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { formatUntimed } from '../../../src/log/log-text.ts'
import { run } from '../../support/captured.ts'
import { fakePlane } from '../../support/fake-control.ts'

const RECORDS = [
  { level: 'info', time: '2030-05-14T09:30:00.000Z', allocation: '11', user: 'ab12cd34', msg: 'opened' },
  {
    level: 'warn',
    time: '2030-05-14T09:30:01.000Z',
    user: 'ffff0000',
    reason: 'expired',
    hint: 'Look at the clocks.',
    msg: 'rejected',
  },
  { level: 'debug', time: '2030-05-14T09:30:02.000Z', allocation: '11', channel: 16384, msg: 'bound' },
  { level: 'error', time: '2030-05-14T09:30:03.000Z', msg: 'oh' },
]

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'logs-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  return folder
}

/** A file as a relay without systemd writes it. */
function fileOf(t: Test, prefix = ''): string {
  const file = join(folderOf(t), 'log')
  writeFileSync(file, RECORDS.map(record => `${prefix}${JSON.stringify(record)}\n`).join(''))
  return file
}

t.test('taciturn logs shows a file as people read it, the hint as a sentence of its own', async t => {
  const { code, stdout } = await run('/', ['logs', '--file', fileOf(t)], { env: { TZ: 'UTC' } })
  t.equal(code, 0)
  const lines = stdout.split('\n')
  t.match(lines[0], /^14 May 2030.* info {3}opened {2}allocation=11 user=ab12cd34$/)
  t.match(lines[1], / warn {3}rejected {2}user=ffff0000 reason=expired$/)
  t.equal(lines[2], '    Look at the clocks.')
  t.match(lines[3], / error {2}oh$/)
  t.notMatch(stdout, /bound/, 'debug is not shown unless it is asked for')
})

t.test('taciturn logs filters by level, session and person, and keeps to the last lines', async t => {
  const file = fileOf(t, 'May 14 09:30:00 host taciturn[1]: ')
  const messages = async (...args: string[]) => {
    const { stdout } = await run('/', ['logs', '--json', '--file', file, ...args])
    return stdout
      .trim()
      .split('\n')
      .map(line => (line === '' ? '' : (JSON.parse(line) as { message: string }).message))
  }
  t.same(await messages('--level', 'warn'), ['rejected', 'oh'])
  t.same(await messages('--level', 'debug', '--session', '11'), ['opened', 'bound'])
  t.same(await messages('--user', 'AB12'), ['opened'])
  t.same(await messages('--level', 'trace', '-n', '2'), ['bound', 'oh'])
  t.match(await run('/', ['logs', '--file', file, '--level', 'loud']), { code: 2 })
  t.match(await run('/', ['logs', '--file', '/nowhere/log']), {
    code: 1,
    stderr: /cannot read \/nowhere\/log: there is no such file/,
  })
})

t.test('a Matrix ID is looked up at the relay', async t => {
  const { socket } = await fakePlane(t)
  const file = join(folderOf(t), 'log')
  writeFileSync(
    file,
    `${JSON.stringify({ level: 'info', user: 'user1', msg: 'hers' })}\n${JSON.stringify(RECORDS[0])}\n`,
  )
  const { stdout } = await run('/', [
    'logs',
    '--file',
    file,
    '--user',
    '@alice:example.org',
    '--socket',
    socket,
  ])
  t.match(stdout, /hers/)
  t.notMatch(stdout, /opened/)
})

t.test('without a file the journal is read, with its own times', async t => {
  const folder = folderOf(t)
  const records = [
    ...RECORDS.map((record, i) => ({
      MESSAGE: formatUntimed(record).trimEnd(),
      __REALTIME_TIMESTAMP: `${Date.parse(record.time) * 1000 + i}`,
    })),
    { MESSAGE: 'Started taciturn.service', __REALTIME_TIMESTAMP: '1' },
    { MESSAGE: [255, 254], __REALTIME_TIMESTAMP: '1' },
  ]
  writeFileSync(join(folder, 'records'), records.map(record => `${JSON.stringify(record)}\n`).join(''))
  writeFileSync(join(folder, 'journalctl'), `#!/bin/sh\necho "$@" >${folder}/asked\ncat ${folder}/records\n`)
  chmodSync(join(folder, 'journalctl'), 0o755)
  const { PATH } = process.env
  process.env.PATH = `${folder}:${PATH}`
  try {
    const { code, stdout } = await run('/', ['logs', '--since', '2h', '--unit', 'relay'])
    t.equal(code, 0)
    t.match(stdout, /opened {2}allocation=11 user=ab12cd34\n/)
    t.match(stdout, /2030/)
    const { readFileSync } = await import('node:fs')
    t.equal(readFileSync(join(folder, 'asked'), 'utf8'), '-u relay -o json --no-pager --since -2h\n')
    await run('/', ['logs', '-f', '-n', '7'])
    t.match(readFileSync(join(folder, 'asked'), 'utf8'), /-n 7 -f\n$/)
    writeFileSync(join(folder, 'journalctl'), '#!/bin/sh\necho "no journal files were found" >&2\nexit 1\n')
    t.match(await run('/', ['logs']), { code: 1, stderr: /journalctl failed: no journal files/ })
    process.env.PATH = folderOf(t)
    t.match(await run('/', ['logs']), { code: 1, stderr: /no journalctl here; give a file/ })
  } finally {
    process.env.PATH = PATH
  }
})

t.test('A-06: taciturn logs hands a terminal no escapes that somebody has put into a file', async t => {
  const file = join(folderOf(t), 'log')
  const evil = '\u001b]0;owned\u0007\u202e'
  const json = { level: 'error', [`k${evil}`]: evil, hint: evil, msg: `a${evil}`, time: `x${evil}` }
  const texts = [
    JSON.stringify(json),
    `12:00:00.000 error b  user="\\u001b[2J"`,
    `12:00:00.000 error c  user="\\x" other=${evil}`,
    `12:00:00.000 error d${evil}`,
  ]
  writeFileSync(file, texts.join('\n'))
  const { code, stdout } = await run('/', ['logs', '--file', file])
  t.equal(code, 0)
  t.notMatch(stdout.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u)
  t.match(stdout, /error {2}b {2}user=\\u\{1b\}\[2J\n/)
  t.match(stdout, /error {2}c {2}user=\\x other=/)
})

t.test(
  'U-32: logs that show nothing say why, and how to give the log of a relay without the unit',
  async t => {
    const file = fileOf(t)
    t.match(await run('/', ['logs', '--file', file, '--session', '99']), {
      code: 0,
      stdout: '',
      stderr: `${file} has no such lines\n`,
    })
    const folder = folderOf(t)
    writeFileSync(join(folder, 'journalctl'), '#!/bin/sh\n')
    chmodSync(join(folder, 'journalctl'), 0o755)
    const { PATH } = process.env
    process.env.PATH = `${folder}:${PATH}`
    t.teardown(() => {
      process.env.PATH = PATH
    })
    t.match(await run('/', ['logs', '--since', '2h']), {
      code: 0,
      stdout: '',
      stderr: /the last 2h; .* --file/,
    })
  },
)

t.test('U-31: a log that is followed is left once nobody reads it', async t => {
  const unread = new AbortController()
  const io = { stdout: { write: () => unread.abort() }, unread: unread.signal }
  t.match(await run('/', ['logs', '--follow', '--file', fileOf(t)], io), { code: 0 })
})
