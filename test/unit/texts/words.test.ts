import t from 'tap'
import { chooseLanguage } from '../../../src/texts/language.ts'
import { wordsFrom } from '../../../src/texts/words.ts'

const TEXTS = {
  port: 'port {port}',
  took: 'took {ms} ms',
  when: 'at {when}',
  braces: '{{"a": {value}}}',
  'days.one': '{n} day',
  'days.other': '{n} days',
}
const open = (language: 'en' | 'de') => wordsFrom({ en: TEXTS, de: TEXTS }, language, 'UTC')

t.test('the first wish that there is a language for counts', async t => {
  t.equal(chooseLanguage(['de', 'en', 'en']), 'de')
  t.equal(chooseLanguage([null, 'de', 'en']), 'de')
  t.equal(chooseLanguage([null, undefined, 'fr-FR', 'de-AT', 'en']), 'de')
  t.equal(chooseLanguage(['de_DE.UTF-8']), 'de')
  t.equal(chooseLanguage(['den', 'C', 'POSIX', '']), 'en')
})

t.test('integers stay as they are, fractions have the decimal mark of the language', async t => {
  t.equal(open('de').say('port', { port: 49_152 }), 'port 49152')
  t.equal(open('en').say('took', { ms: 0.3 }), 'took 0.3 ms')
  t.equal(open('de').say('took', { ms: 0.3 }), 'took 0,3 ms', 'U-21: one way to write numbers')
})

t.test('U-46: a date is written one way, with its zone', async t => {
  const when = new Date(Date.UTC(2030, 4, 4, 15, 6, 7))
  t.equal(open('en').say('when', { when }), 'at 4 May 2030, 15:06:07 UTC')
  t.equal(open('de').say('when', { when }), 'at 4. Mai 2030, 15:06:07 UTC')
})

t.test('U-22: the plural rules of the language choose the form', async t => {
  t.equal(open('en').count('days', 1), '1 day')
  t.equal(open('en').count('days', 0), '0 days')
  t.equal(open('de').count('days', 1200), '1.200 days')
})

t.test('a value cannot move the cursor of a terminal, or fill in another placeholder', async t => {
  t.equal(open('en').say('port', { port: '\u001b[2J{n}\r\n' }), 'port ?[2J{n}??')
})

t.test('doubled braces are braces, and a placeholder without a value stays', async t => {
  t.equal(open('en').say('braces', { value: 1 }), '{"a": 1}')
  t.equal(open('en').say('port'), 'port {port}')
})

t.test('only keys of the catalogue are known', async t => {
  t.equal(open('en').knows('port'), true)
  t.equal(open('en').knows('toString'), false)
})

t.test('S-14: formats take milliseconds to make, so each is made once', async t => {
  const texts = { en: { a: 'a' }, de: { a: 'a' } }
  t.equal(wordsFrom(texts, 'de').format, wordsFrom(texts, 'de').format)
  t.not(wordsFrom(texts, 'de').format, wordsFrom(texts, 'en').format)
  t.not(wordsFrom(texts, 'en', 'UTC').format, wordsFrom(texts, 'en', 'Asia/Tokyo').format)
})
