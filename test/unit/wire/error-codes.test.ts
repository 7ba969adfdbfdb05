import t from 'tap'
import { reasonPhrase } from '../../../src/wire/error-codes.ts'

t.test('every code of the RFCs has its phrase, short enough for ERROR-CODE [STUN-ATTR-18]', async t => {
  const codes = [300, 400, 401, 403, 405, 420, 437, 438, 440, 441, 442, 443, 446, 447, 486, 487, 500, 508]
  for (const code of codes) t.match(reasonPhrase(code), /^[A-Z][A-Za-z ]{8,60}$/)
  t.equal(new Set(codes.map(reasonPhrase)).size, codes.length)
})

t.test('401 has the name that RFC 8489 gave it', async t => {
  t.equal(reasonPhrase(401), 'Unauthenticated')
})

t.test('an unknown code has an empty phrase', async t => {
  t.equal(reasonPhrase(499), '')
  t.equal(reasonPhrase(0), '')
})
