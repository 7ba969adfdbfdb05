import t from 'tap'
import { DOCTOR_TEXTS } from '../../../src/cli/texts/doctor-texts.ts'
import { finding } from '../../../src/doctor/finding.ts'
import { reportText, show } from '../../../src/doctor/report.ts'
import { mangled, type SecretForm } from '../../../src/doctor/secret-forms.ts'
import { FINDING_TEXTS, type TextId, words } from '../../../src/doctor/texts/all.ts'
import { FORMS } from '../../../src/doctor/texts/forms.ts'

const IDS = Object.keys(FINDING_TEXTS) as TextId[]

t.test('every error and warning says what is wrong, what one notices and what mends it', async t => {
  for (const id of IDS) {
    const { severity, en, de } = FINDING_TEXTS[id]
    for (const [title, wrong, notice, mend] of [en, de]) {
      t.ok(title, id)
      if (severity === 'error' || severity === 'warn') t.ok(wrong && notice && mend, id)
    }
  }
})

t.test('both languages fill in the same places', async t => {
  for (const id of IDS) {
    const { en, de } = FINDING_TEXTS[id]
    for (const part of [1, 2, 3] as const) t.same(places(de[part]), places(en[part]), `${id} ${part}`)
    t.same(places(de[0]), places(en[0]), id)
  }
})

t.test('German is not English', async t => {
  for (const id of IDS) {
    const { en, de } = FINDING_TEXTS[id]
    t.ok(en[0] !== de[0], id)
    if (en[1] !== '' && en[1] !== '{text}') t.not(de[1], en[1], id)
  }
})

t.test('every way to mangle a secret has its words', async t => {
  const forms = mangled({ value: 'AbCdEf00 #"$x', file: '/etc/secret' }).map(([form]) => form)
  const all = new Set<SecretForm>([...forms, 'hex-decoded', 'base64-decoded'])
  t.same([...all].toSorted(), Object.keys(FORMS).toSorted())
  const [title, problem, , fix] = words('secret-form-here', { form: 'newline' }, 'de')
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
  t.match(words('openid-missing', { url: 'u' }, 'en')[3], /\[\{names: \[client, federation, openid\]\}\]/)
})

t.test('the report has the cause first, and what passed last', async t => {
  const findings = [
    finding('secret-wrong', { name: 'synapse', secret: 's', file: 'f', restart: 'r' }),
    finding('reached', {}, { at: 'turn:x' }),
  ]
  const text = reportText(findings, DOCTOR_TEXTS.en.report, 'en', (_, part) => part)
  t.match(
    text,
    /^✗ the secrets differ\n {4}the homeserver signs.*\n {4}you would notice: .*\n {4}→ taciturn snippet synapse/,
  )
  t.match(text, /✓ the relay answers STUN \[turn:x\]/)
  t.match(text, /1 error, 0 warnings, 1 passed/)
  t.match(
    reportText([finding('reached')], DOCTOR_TEXTS.de.report, 'de', (_, part) => part),
    /Alles in Ordnung: 1/,
  )
})

t.test('colours are where they are asked for', async t => {
  const marked = reportText(
    [finding('reached')],
    DOCTOR_TEXTS.en.report,
    'en',
    (part, text) => `<${part}>${text}`,
  )
  t.match(marked, /<ok>✓ <ok>the relay answers STUN/)
})

function places(text: string): string[] {
  return [...new Set([...text.matchAll(/(?<!\{)\{(\w+)\}/g)].map(([, name]) => name!))].toSorted()
}
