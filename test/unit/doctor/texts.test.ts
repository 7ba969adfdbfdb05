import t from 'tap'
import { reportLabels } from '../../../src/cli/commands/doctor.ts'
import { cliWords } from '../../../src/cli/words.ts'
import { finding } from '../../../src/doctor/finding.ts'
import { type FindingId, KINDS } from '../../../src/doctor/kinds.ts'
import { reportText, show } from '../../../src/doctor/report.ts'
import { mangled, type SecretForm } from '../../../src/doctor/secret-forms.ts'
import { findingText } from '../../../src/doctor/words.ts'
import doctorTexts from '../../../src/texts/catalogues/doctor.en.json' with { type: 'json' }
import { LANGUAGES } from '../../../src/texts/language.ts'

const IDS = Object.keys(KINDS) as FindingId[]
const LABELS = { en: reportLabels(cliWords('en')), de: reportLabels(cliWords('de')) }

t.test('every error and warning says what is wrong, what users notice and how to fix it', async t => {
  for (const id of IDS) {
    const { severity } = KINDS[id]
    for (const language of LANGUAGES) {
      const { title, problem, effect, fix } = findingText(id, {}, language)
      t.ok(title, id)
      if (severity === 'error' || severity === 'warn') t.ok(problem && effect && fix, id)
    }
  }
})

t.test('every text of the catalogue belongs to a kind of finding or a mangled secret', async t => {
  const ids = new Set(
    Object.keys(doctorTexts).map(key => key.replace(/\.(title|problem|effect|fix|gap)$/, '')),
  )
  t.same(
    [...ids].filter(id => !(id in KINDS) && !id.startsWith('form.') && id !== 'certificate-for-address'),
    [],
  )
})

t.test('every way to mangle a secret has its words', async t => {
  const forms = mangled({ value: 'AbCdEf00 #"$x', file: '/etc/secret' }).map(([form]) => form)
  const all = new Set<SecretForm>([...forms, 'hex-decoded', 'base64-decoded'])
  const named = Object.keys(doctorTexts).flatMap(key => /^form\.(.*)\.fix$/.exec(key)?.[1] ?? [])
  t.same([...all].toSorted(), named.toSorted())
  const { title, problem, fix } = findingText('secret-form-here', { form: 'newline' }, 'de')
  t.match(title, /newline/)
  t.match(problem, /Zeilenende/)
  t.match(fix, /printf/)
})

t.test('what comes from strangers cannot move the cursor of a terminal', async t => {
  const { problem } = show(finding('not-stun', { address: 'a', detail: '\u001b[2Jhello' }), 'en')
  t.match(problem, /\?\[2Jhello/)
  t.notMatch(problem, '\u001b')
})

t.test('a brace in a text is a brace', async t => {
  t.match(
    findingText('openid-missing', { url: 'u' }, 'en').fix,
    /\[\{names: \[client, federation, openid\]\}\]/,
  )
})

t.test('the report has the cause first, and what passed last', async t => {
  const findings = [
    finding('secret-wrong', { name: 'synapse', secret: 's', file: 'f', restart: 'r' }),
    finding('reached', {}, { at: 'turn:x' }),
  ]
  const text = reportText(findings, LABELS.en, 'en', (_, part) => part)
  t.match(
    text,
    /^✗ the secrets differ\n {4}the homeserver signs.*\n {4}what users notice: .*\n {4}→ taciturn snippet synapse/,
  )
  t.match(text, /✓ the relay answers STUN \[turn:x\]/)
  t.match(text, /1 error, 0 warnings, 1 passed/)
  t.match(
    reportText([finding('reached')], LABELS.de, 'de', (_, part) => part),
    /Alles in Ordnung: 1/,
  )
})

t.test('U-08: who is told that there are no errors is told what was not looked at', async t => {
  const gaps = [finding('only-nearby', { addresses: '192.168.1.5' }), finding('no-login')]
  const shown = (language: 'en' | 'de', ...more: ReturnType<typeof finding>[]) =>
    reportText([...more, ...gaps, finding('reached')], LABELS[language], language, (_, part) => part)
  const listed = [
    '  • nobody outside this network can reach this relay',
    '  • what the homeserver hands out was not checked',
    '',
  ].join('\n')

  t.ok(shown('en').endsWith(`\nNo errors: 1 check passed. But:\n${listed}`))
  t.match(shown('de'), /Keine Fehler: 1 Prüfung bestanden\. Aber:\n {2}• niemand/)
  t.notMatch(shown('en'), 'All is well')
  t.match(shown('en', finding('turn-silent')), /1 error, .*\nAlso:\n {2}• nobody/)
})

t.test('U-08: each kind of finding that says "not tested" is in that list', async t => {
  for (const id of IDS.filter(id => KINDS[id].severity === 'info')) {
    const { title, problem = '', gap } = findingText(id, {}, 'en')
    if (
      /not (tested|looked up|checked|logged in)|for this (machine|network) only/.test(`${title} ${problem}`)
    )
      t.ok(gap, id)
  }
})

t.test('U-40: what passed names a URI once, and counts several', async t => {
  const at = ['turn:turn.example.org:3478 (203.0.113.7:3478)', 'turn:b', 'turn:c']
  const findings = [
    { ...finding('reached'), at },
    { ...finding('turn-silent'), at: at.slice(1) },
  ]
  const text = reportText(findings, LABELS.en, 'en', (_, part) => part)
  t.match(text, /✓ the relay answers STUN \[3 of 3 URIs\]\n/)
  t.match(text, '[turn:b, turn:c]')
  t.equal(text.split('203.0.113.7').length, 1)
})

t.test('colours are where they are asked for', async t => {
  const marked = reportText([finding('reached')], LABELS.en, 'en', (part, text) => `<${part}>${text}`)
  t.match(marked, /<ok>✓ <ok>the relay answers STUN/)
})

t.test('U-55: certbot is not proposed for an address, which it gets no certificate for', async t => {
  for (const id of ['tls-name', 'tls-self-signed', 'tls-root'] as const) {
    t.match(findingText(id, { host: 'turn.example.org' }, 'en').fix, /-d turn\.example\.org/)
    for (const host of ['203.0.113.7', '2001:db8::7']) {
      for (const language of LANGUAGES) {
        const { fix } = findingText(id, { host }, language)
        t.notMatch(fix, `-d ${host}`)
        t.match(fix, host)
        t.match(fix, /DNS/)
      }
    }
  }
})

t.test('U-46: dates of the doctor have a time and a zone, as all others', async t => {
  const until = new Date(Date.UTC(2030, 4, 4, 15, 6, 7))
  const { problem } = findingText('tls-expires-soon', { host: 'turn.example.org', days: 3, until }, 'en')
  const { effect } = findingText('tls-expires-soon', { host: 'turn.example.org', days: 3, until }, 'de')
  t.match(problem, '3 days')
  t.match(effect, /ab \d+\. Mai 2030, \d\d:06:07 \S+ scheitern/)
})
