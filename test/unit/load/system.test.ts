import t from 'tap'
import { joulesBetween, pmicWatts } from '../../../src/load/measure/energy.ts'
import { machineTimeOf } from '../../../src/load/measure/machine.ts'
import { dropsIn } from '../../../src/load/measure/own-drops.ts'
import { cpuOfStat, residentOf } from '../../../src/load/measure/process-figures.ts'

t.test('processor time is read behind a name that may hold anything', async t => {
  const fields = ['S', ...Array.from({ length: 10 }, (_, i) => i + 4), 250, 75, 0, 0, 20]

  t.equal(cpuOfStat(`42 (a) b (c 7) ${fields.join(' ')}\n`), 3_250_000)
})

t.test('resident memory is read in octets, or is not known', async t => {
  t.equal(residentOf('Name:\tx\nVmHWM:\t  99 kB\nVmRSS:\t    1234 kB\n'), 1_263_616)
  t.equal(residentOf('Name:\tkthreadd\n'), undefined)
})

t.test('drops are added up for our own ports only', async t => {
  const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 2670: 0100007F:A459 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 32778 2 00000000c7889a27 5
 2671: 0100007F:A45A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 32779 2 00000000c7889a28 7
 2672: 00000000000000000000000001000000:A45B 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 32780 2 00000000c7889a29 11
`
  t.equal(dropsIn(table, new Set([0xa459, 0xa45b])), 16)
  t.equal(dropsIn(table, new Set([1])), 0)
  t.equal(dropsIn('', new Set([1])), 0)
})

t.test('the time of the machine is told apart', async t => {
  const stat = 'cpu  100 5 50 800 20 3 7 15 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n'
  t.same(machineTimeOf(stat), { busy: 165, interrupts: 10, stolen: 15, total: 1000 })
})

t.test('a counter of energy that went round is understood', async t => {
  const zone = (name: string, microjoules: number) => ({ name, microjoules, range: 10_000_000 })

  t.equal(joulesBetween([zone('a', 1_000_000)], [zone('a', 3_500_000)]), 2.5)
  t.equal(joulesBetween([zone('a', 9_000_000)], [zone('a', 500_000)]), 1.5)
  t.equal(joulesBetween([zone('a', 0), zone('b', 0)], [zone('a', 1e6), zone('b', 2e6)]), 3)
  t.equal(joulesBetween([], [zone('a', 1e6)]), 0)
})

t.test('the rails of a Raspberry Pi 5 are added up, each its current times its voltage', async t => {
  const output = `   3V7_WL_SW_A current(0)=0.10000000A
   VDD_CORE_A current(7)=2.00000000A
   EXT5V_V volt(24)=5.15000000V
   3V7_WL_SW_V volt(8)=3.70000000V
   VDD_CORE_V volt(15)=0.75000000V
   BATT_V volt(25)=0.00000000V
`
  t.equal(pmicWatts(output)?.toFixed(3), '1.870')
  t.equal(pmicWatts('bad command\n'), undefined)
})
