import t from 'tap'
import { isStream, VIA, viaNumber } from '../../../src/base/via.ts'

t.test('the number of a transport is its place in the list', async t => {
  for (const [i, via] of VIA.entries()) t.equal(viaNumber(via), i)
})

t.test('only TCP and TLS are streams; DTLS keeps datagrams apart', async t => {
  t.same(VIA.filter(isStream), ['tcp', 'tls'])
})
