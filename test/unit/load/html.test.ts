import t from 'tap'
import { html } from '../../../src/load/report/html.ts'
import { measurement, report, round, server } from './sample-report.ts'

t.test('the page needs nothing from anywhere else, and runs nothing', async t => {
  const page = html(report(), [server('taciturn'), server('coturn')], 'en')

  t.notMatch(page, /<script|<link|<img|<iframe|@import|url\(|https?:\/\//)
  t.match(page, /^<!doctype html>/)
  t.match(page, '<html lang="en">')
})

t.test('every tag that opens is closed', async t => {
  const page = html(report(), [server('taciturn'), server('coturn')], 'de').replace(
    /<style>[\s\S]*<\/style>/,
    '',
  )
  const open: string[] = []
  for (const [, close, name, self] of page.matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*?(\/?)>/g)) {
    if (['meta'].includes(name!) || self === '/') continue
    if (close === '') open.push(name!)
    else t.equal(open.pop(), name)
  }
  t.same(open, [])
})

t.test('names of servers and machines cannot add anything to the page', async t => {
  const evil = '"><b onclick=x>&'
  const machine = { ...report().machine, processor: evil }
  const page = html(report({ machine }), [server(evil, [round()], evil)], 'en')

  t.notMatch(page, '<b onclick')
  t.match(page, '&#34;&#62;&#60;b onclick=x&#62;&#38;')
})

t.test('latency at half and full load, processor time, the search and opening have charts', async t => {
  const page = html(report(), [server('taciturn'), server('coturn')], 'en')

  t.equal(page.match(/<svg /g)?.length, 9)
  t.notMatch(page, /NaN|undefined|Infinity/)
})

t.test('without a search, and with nothing known of the server, the charts of both are left out', async t => {
  const opening = {
    ...round().opening,
    serverCpuMicrosEach: null,
    serverCpuMicrosEachWarm: null,
    octetsEach: null,
  }
  const full = measurement({ serverCpuMicrosPerPacket: null, serverCores: null })
  const bare = server(
    '192.0.2.1:3478',
    [round({ opening, full, search: null, half: null, callsPerCore: null })],
    '',
  )
  const page = html(report({ servers: [bare] }), [bare], 'en')

  t.equal(page.match(/<svg /g)?.length, 1)
  t.notMatch(page, /NaN|undefined|Infinity|null/)
})

t.test('a run that lost everything still makes a page', async t => {
  const full = measurement({
    received: 0,
    packetsPerSecond: 0,
    megabitsPerSecond: 0,
    loss: 1,
    latencyMicros: { p50: 0, p90: 0, p99: 0, p999: 0, max: 0 },
    latencyCurve: [
      [0.5, 0],
      [1, 0],
    ],
    serverCpuMicrosPerPacket: null,
  })
  const trials = [{ tried: 20, passed: false, packetsPerSecond: 0, loss: 1, generatorLimited: false }]
  const search = {
    unit: 'allocations',
    best: 0,
    confirmed: false,
    limitedBy: 'nothing-passed',
    trials,
  } as const
  const servers = [server('taciturn', [round({ full, half: full, search })])]

  t.notMatch(html(report({ servers }), servers, 'en'), /NaN|undefined|Infinity/)
})

t.test('both languages are written throughout', async t => {
  const page = html(report(), [server('taciturn'), server('coturn')], 'de')

  t.match(page, 'CPU des Servers je Paket')
  t.match(page, '4,00 µs')
  t.notMatch(page, /server CPU|latency/i)
})
