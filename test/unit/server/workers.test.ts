import t from 'tap'
import { workersFor } from '../../../src/workers/worker-count.ts'

const GB = 2 ** 30
const machine = (cores: number, memory: number, lacksNative?: string) => ({ cores, memory, lacksNative })

for (const [name, cores, memory, workers] of [
  ['a Pi Zero', 1, 0.5 * GB, 1],
  ['a Pi Zero 2', 4, 0.5 * GB, 1],
  ['a virtual machine of two cores', 2, 4 * GB, 1],
  ['a Pi 4 of one gigabyte', 4, 1 * GB, 1],
  ['a Pi 4 of four gigabytes', 4, 4 * GB, 1],
  ['six cores', 6, 8 * GB, 3],
  ['eight cores', 8, 16 * GB, 4],
  ['sixteen cores', 16, 64 * GB, 8],
  ['sixty-four cores', 64, 256 * GB, 8],
] as const) {
  t.test(`${name}: ${workers} by itself`, async t => {
    t.equal(workersFor({ workers: 'auto', udp: 'auto' }, machine(cores, memory)), workers)
    t.equal(workersFor({ workers: 'auto', udp: 'auto' }, { ...machine(cores, memory), sharesPorts: true }), 1)
    t.equal(workersFor({ workers: 'auto', udp: 'dgram' }, machine(cores, memory)), 1)
    t.equal(workersFor({ workers: 'auto', udp: 'auto' }, machine(cores, memory, 'no addon')), 1)
    t.equal(workersFor({ workers: 3, udp: 'native' }, machine(cores, memory)), 3)
    t.equal(workersFor({ workers: 1, udp: 'dgram' }, machine(cores, memory, 'no addon')), 1)
  })
}

t.test('several without the native transport are refused, with the reason and what to do', async t => {
  t.throws(() => workersFor({ workers: 2, udp: 'dgram' }, machine(8, 8 * GB)), {
    name: 'StartError',
    exitCode: 3,
    message: /workers is 2.*udp is "dgram".*"auto" or 1/,
  })
  t.throws(
    () => workersFor({ workers: 2, udp: 'auto' }, machine(8, 8 * GB, 'no native transport was built for x')),
    {
      message: /no native transport was built for x/,
    },
  )
})

t.test('a UDP socket of the service manager is for one thread', async t => {
  const inherits = { ...machine(16, 64 * GB), inheritsUdp: true }

  t.equal(workersFor({ workers: 'auto', udp: 'auto' }, inherits), 1)
  t.equal(workersFor({ workers: 1, udp: 'auto' }, inherits), 1)
  t.throws(() => workersFor({ workers: 4, udp: 'auto' }, inherits), { message: /threads cannot share/ })
})
