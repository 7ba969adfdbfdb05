import t from 'tap'
import { atRate, packetsPerSecond, sourcesOf } from '../../../src/load/profile.ts'

const FLOOD = { octets: 1100, burst: 8 }

t.test('audio is 50 packets a second, video 240, a call both', async t => {
  t.equal(packetsPerSecond(sourcesOf('audio', FLOOD)), 50)
  t.equal(packetsPerSecond(sourcesOf('video', FLOOD)), 240)
  t.equal(packetsPerSecond(sourcesOf('call', FLOOD)), 290)
})

t.test('a flood has the size and burst that were asked for, and no pace', async t => {
  t.same(sourcesOf('flood', FLOOD), [{ octets: 1100, burst: 8, perSecond: 0 }])
})

t.test('a rate is shared by all streams in the proportions of the profile', async t => {
  const sources = atRate(sourcesOf('call', FLOOD), 40, 23_200)

  t.equal(Math.round(packetsPerSecond(sources) * 40), 23_200)
  t.equal(Math.round(sources[0]!.perSecond), 100)
  t.equal(Math.round(sources[1]!.perSecond), 60)
})

t.test('a flood with a rate keeps its bursts', async t => {
  const [source] = atRate(sourcesOf('flood', FLOOD), 10, 8000)

  t.same(source, { octets: 1100, burst: 8, perSecond: 100 })
})
