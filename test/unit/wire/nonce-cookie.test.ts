import t from 'tap'
import { readNonceCookie, SecurityFeature, writeNonceCookie } from '../../../src/wire/nonce-cookie.ts'

t.test('the nonce cookie is 13 characters, and AAAA without features [STUN-AUTH-04]', async t => {
  t.equal(writeNonceCookie(0), 'obMatJos2AAAA')
  t.equal(writeNonceCookie(0xffffff), 'obMatJos2////')
})

t.test('password algorithms are the first bit, username anonymity the second [STUN-AUTH-05]', async t => {
  const { passwordAlgorithms, usernameAnonymity } = SecurityFeature

  t.equal(writeNonceCookie(passwordAlgorithms), 'obMatJos2gAAA')
  t.equal(writeNonceCookie(usernameAnonymity), 'obMatJos2QAAA')
  t.equal(writeNonceCookie(passwordAlgorithms | usernameAnonymity), 'obMatJos2wAAA')
})

t.test('the features of a nonce are read, unassigned bits too', async t => {
  t.equal(readNonceCookie('obMatJos2AAAA'), 0)
  t.equal(readNonceCookie('obMatJos2gAAAand the rest'), SecurityFeature.passwordAlgorithms)
  t.equal(readNonceCookie('obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA'), 0x000002)
  for (let bit = 0; bit < 24; bit++) t.equal(readNonceCookie(writeNonceCookie(1 << bit)), 1 << bit)
})

t.test('a nonce without nonce cookie has no features', async t => {
  for (const nonce of [
    '',
    'obMatJos2',
    'obMatJos2AAA',
    'obMatJos2AAA=',
    'obMatJos2AA A',
    'obMatJos2AA-_',
    'obMatJos2\u00c4AAA',
    'obMatJos3AAAA',
    'OBMATJOS2AAAA',
    ' obMatJos2AAAA',
    '8f1c0e7d6b5a4938',
  ]) {
    t.equal(readNonceCookie(nonce), undefined, nonce)
  }
})
