import { createHash, createHmac } from 'node:crypto'
import t from 'tap'
import { findSecret, type KnownSecret, type SecretForm } from '../../../src/doctor/secret-forms.ts'

const USERNAME = '1795307477:@alice:example.org'
const HEX = createHash('sha256').update('x').digest('hex')

t.test('the secret itself is found, whichever of several it is', async t => {
  const secrets = [known('newest', 0), known('older', 1)]
  const match = findSecret(USERNAME, made('older'), secrets)
  t.equal(match?.secret.value, 'older')
  t.equal(match?.secret.place, 1)
  t.equal(match?.form, undefined)
})

t.test('the credential of a real Synapse is recognised [REST-01]', async t => {
  const secrets = [known('s3cret-for-turn')]
  t.ok(findSecret('1795307477:@1:hs.test', 'dx/q1tDqvu3NT4QF+LaYW38Za40=', secrets))
})

const CASES: readonly (readonly [string, SecretForm, secret: string, theirs: string | Buffer])[] = [
  ['a newline at its end', 'newline', 'hunter2-hunter2', 'hunter2-hunter2\n'],
  ['the newline of another system', 'newline', 'hunter2-hunter2', 'hunter2-hunter2\r\n'],
  ['a blank at its end', 'space', 'hunter2-hunter2', 'hunter2-hunter2 '],
  ['quotes around it', 'quotes', 'hunter2-hunter2', '"hunter2-hunter2"'],
  ['quotes that were taken off', 'quotes', '"hunter2-hunter2"', 'hunter2-hunter2'],
  ['hexadecimal that was decoded', 'hex-decoded', HEX, Buffer.from(HEX, 'hex')],
  ['base64 that was decoded', 'base64-decoded', 'aHVudGVyMi1odW50ZXIy', 'hunter2-hunter2'],
  ['hexadecimal that was made of it', 'hex-encoded', 'hunter2', '68756e74657232'],
  ['base64 that was made of it', 'base64-encoded', 'hunter2-hunter2', 'aHVudGVyMi1odW50ZXIy'],
  ['what a YAML comment leaves of it', 'comment', 'hunter2 #hunter2', 'hunter2'],
  ['what a shell leaves of it', 'comment', 'hunter2$hunter2', 'hunter2'],
  ['lower case', 'case', 'Hunter2-Hunter2', 'hunter2-hunter2'],
]
for (const [name, form, secret, theirs] of CASES) {
  t.test(`${name} is found out`, async t => {
    t.equal(findSecret(USERNAME, made(theirs), [known(secret)])?.form, form)
  })
}

t.test('the path in place of the secret is found out', async t => {
  const secret = { ...known('hunter2-hunter2'), file: '/etc/secret' }
  t.equal(findSecret(USERNAME, made('/etc/secret'), [secret])?.form, 'path')
})

t.test('another hash is found out, both ways', async t => {
  t.equal(findSecret(USERNAME, made('hunter2', 'sha256'), [known('hunter2')])?.form, 'sha256')
  const secret = { ...known('hunter2'), algorithm: 'sha256' as const }
  t.equal(findSecret(USERNAME, made('hunter2'), [secret])?.form, 'sha256')
})

t.test('what was made with another secret is nobody’s', async t => {
  t.equal(findSecret(USERNAME, made('another'), [known('hunter2'), known(HEX)]), undefined)
  t.equal(findSecret(USERNAME, '', [known('hunter2')]), undefined)
  t.equal(findSecret(USERNAME, made('another'), []), undefined)
})

function known(value: string, place = 0): KnownSecret {
  return { homeserver: 'example.org', value, algorithm: 'sha1', place }
}

function made(secret: string | Buffer, algorithm = 'sha1'): string {
  return createHmac(algorithm, secret).update(USERNAME).digest('base64')
}
