import t from 'tap'
import { type TablePaint, table } from '../../../src/load/report/table.ts'
import { octetsEach } from '../../../src/load/round.ts'
import { measurement, report, round, server } from './sample-report.ts'

const plain: TablePaint = (_style, text) => text
const marked: TablePaint = (style, text) =>
  style === 'green' || style === 'red' ? `<${style}>${text}` : text
const two = [
  server('taciturn', [round({ full: measurement({ serverCpuMicrosPerPacket: 3 }) })]),
  server('coturn', [round({ full: measurement({ serverCpuMicrosPerPacket: 4.5 }) })]),
]

t.test('one server has its figures, and no ratio', async t => {
  const text = table(report(), [server('taciturn')], 'en', plain)

  t.match(text, /concurrent calls +100\n/)
  t.match(text, /server CPU per packet +4\.00 µs\n/)
  t.match(text, /100 calls with less than 0\.1 % loss; the server could not handle more/)
  t.notMatch(text, '÷')
})

t.test('two servers have the ratio of the first to the second, and the better is marked', async t => {
  const text = table(report({ servers: two }), two, 'en', marked)

  t.match(text, /server CPU per packet +3\.00 µs +4\.50 µs +<green>0\.67 ×/)
  t.match(table(report(), [...two].reverse(), 'en', marked), /<red>1\.50 ×/)
})

t.test('equals are not marked', async t => {
  t.notMatch(table(report(), [server('a'), server('b')], 'en', marked), /<(green|red)>/)
})

t.test('what is not known is said to be unknown, with the reason', async t => {
  const text = table(report(), [server('taciturn')], 'en', plain)

  t.match(text, /energy of this machine +unknown/)
  t.match(text, 'energy of this machine: this machine has no meter for it')
})

t.test('energy that was measured says how', async t => {
  const full = measurement({
    energy: { kind: 'measured', joules: 50, source: 'pmic' },
    joulesPerGigabyte: 21.5,
  })
  const servers = [server('taciturn', [round({ full })])]
  const text = table(report({ servers }), servers, 'en', plain)

  t.match(text, /energy of this machine +21\.5 J\/GB/)
  t.match(text, 'measured, all rails of the board')
})

t.test('an estimate is called one', async t => {
  t.match(table(report(), [server('a')], 'en', plain), /calls per server core \(estimate\) +431/)
})

t.test('without a search there is nothing of one', async t => {
  const servers = [server('a', [round({ search: null, half: null, callsPerCore: null })])]
  const text = table(report({ servers }), servers, 'en', plain)

  t.notMatch(text, 'calls')
  t.notMatch(text, 'at half that load')
})

t.test('a search that the longer measurement did not bear out says so', async t => {
  const search = { ...round().search!, confirmed: false }
  const servers = [server('a', [round({ search })])]

  t.match(table(report(), servers, 'en', plain), 'The longer measurement did not confirm it')
  t.notMatch(table(report(), [server('a')], 'en', plain), 'confirm')
})

t.test('every warning is told, in either language', async t => {
  const warnings = [
    { kind: 'generator-busy', server: 'coturn', busy: 0.97 },
    { kind: 'own-drops', server: 'coturn', share: 0.5 },
    { kind: 'few-cores', cores: 1 },
    { kind: 'machine-busy', load: 3.25, cores: 4 },
    { kind: 'governor', governor: 'powersave' },
    { kind: 'small-buffers', octets: 212_992 },
    { kind: 'dgram-generator', why: 'no native transport was built for linux-riscv64' },
    { kind: 'errors', server: 'coturn', corrupt: 3, misdelivered: 4 },
    { kind: 'stolen', share: 0.125 },
    { kind: 'held', server: 'coturn', share: 0.25 },
  ] as const
  const english = table(report({ warnings }), [server('a')], 'en', plain)
  const german = table(report({ warnings }), [server('a')], 'de', plain)

  t.equal(english.match(/^! /gm)?.length, warnings.length)
  t.equal(german.match(/^! /gm)?.length, warnings.length)
  for (const part of [
    '97 %',
    '50 %',
    '1 core, so',
    'powersave',
    '208 KiB',
    'riscv64',
    '3 corrupt',
    '12.5 %',
    '25 %',
  ]) {
    t.match(english, part)
  }
  t.match(german, '12,5 %')
  t.notMatch(english + german, /undefined|NaN|\[object/)
})

t.test('columns line up', async t => {
  const lines = table(report(), two, 'de', plain).split('\n')
  const head = lines.find(line => line.includes('÷'))!
  const row = lines.find(line => line.includes('CPU des Servers je Paket'))!

  t.equal([...row].length, [...head].length)
})

t.test('U-29: memory that cannot be told from chance is unknown, never negative', async t => {
  t.equal(octetsEach(50_000_000, 49_000_000, 5000), null, 'less than before')
  t.equal(octetsEach(50_000_000, 51_000_000, 100), null, 'too few to weigh')
  t.equal(octetsEach(undefined, 51_000_000, 5000), null)
  t.equal(octetsEach(50_000_000, 60_000_000, 5000), 2000)
})

t.test('U-29: a run with a fixed load has a sentence for the operator', async t => {
  const fixed = report({
    servers: [
      { ...server('taciturn'), rounds: [{ ...server('a').rounds[0]!, search: null, callsPerCore: 412.7 }] },
    ],
  })
  t.match(
    table(fixed, fixed.servers, 'en', plain),
    /taciturn: relayed .* a core of this machine can relay about 412 such calls/,
  )
  t.match(table(fixed, fixed.servers, 'de', plain), /etwa 412 solche Anrufe/)
})
