import { execFileSync } from 'node:child_process'
import { fstatSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { leadsToJournal } from '../../../src/log/journald.ts'
import { Log } from '../../../src/log/log.ts'
import { formatText, formatUntimed, readLogLine } from '../../../src/log/log-text.ts'

function written(format: 'auto' | 'json' | 'text'): string[] {
  const lines: string[] = []
  const log = new Log({ level: 'trace', format, isJournal: true, sink: { write: line => lines.push(line) } })
  log.error('oh', { file: 'a b' })
  log.warn('rejected', { reason: 'wrong-secret' })
  log.info('opened')
  log.debug('bound')
  log.write('trace', 'first')
  return lines
}

t.test('U-32: the journal gets a priority with each line, and a text without a time of its own', async t => {
  t.same(written('auto'), [
    '<3>error oh  file="a b"\n',
    '<4>warn  rejected  reason=wrong-secret\n',
    '<6>info  opened\n',
    '<7>debug bound\n',
    '<7>trace first\n',
  ])
  t.same(written('text'), written('auto'))
})

t.test('U-32: JSON stays JSON where it is asked for, with the priority before it', async t => {
  const [line] = written('json')
  t.match(line, /^<3>\{"level":"error","time":"[^"]+","file":"a b","msg":"oh"\}\n$/)
})

t.test('U-32: only a descriptor that leads to the journal is taken for one', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'journal-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = openSync(join(folder, 'stderr'), 'w')
  const { dev, ino } = fstatSync(file)
  t.ok(leadsToJournal({ JOURNAL_STREAM: `${dev}:${ino}` }, file))
  t.notOk(leadsToJournal({ JOURNAL_STREAM: `${dev}:${ino + 1}` }, file), 'it was redirected')
  for (const stream of [undefined, '', ':', '1', `${dev}:`])
    t.notOk(leadsToJournal({ JOURNAL_STREAM: stream }, file))
  t.notOk(leadsToJournal({ JOURNAL_STREAM: `${dev}:${ino}` }, 9999), 'there is no such descriptor')
})

t.test('U-32: a relay whose standard error leads to the journal writes so by itself', async t => {
  const code = `
    import { fstatSync } from 'node:fs'
    const { dev, ino } = fstatSync(2)
    process.env.JOURNAL_STREAM = dev + ':' + ino
    const { Log } = await import(${JSON.stringify(join(import.meta.dirname, '../../../dist/log/log.js'))})
    new Log({ level: 'info', format: 'auto' }).warn('rejected', { reason: 'expired' })
  `
  const command = `${process.execPath} --input-type=module -e "$CODE" 2>&1`
  const output = execFileSync('sh', ['-c', command], {
    env: { ...process.env, CODE: code },
    encoding: 'utf8',
  })
  t.equal(output, '<4>warn  rejected  reason=expired\n')
})

t.test('a line is read again as it was written, whatever is in its fields', async t => {
  const fields = {
    user: '@alice:example.org',
    hint: 'Two sentences. "Quoted", and  two spaces  before=this.',
    empty: '',
    relayed: '["203.0.113.7:5"]',
    back: 'a\\b',
  }
  const record = { level: 'warn', time: '2030-05-14T09:30:00.123Z', ...fields, msg: 'not served' }
  const read = { level: 'warn', message: 'not served', fields }
  t.same(readLogLine(`<4>${formatUntimed(record)}`.trimEnd()), read)
  t.same(readLogLine(formatText(record, false).trimEnd()), { ...read, time: '09:30:00.123' })
  t.same(readLogLine(JSON.stringify(record)), { ...read, time: record.time })
  t.equal(readLogLine('Starting taciturn.service…'), undefined)
  t.equal(readLogLine('{"level":7}'), undefined)
  t.equal(readLogLine('{'), undefined)
})
