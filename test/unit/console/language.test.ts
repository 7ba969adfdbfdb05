import t from 'tap'
import { backOff } from '../../../src/console/back-off.ts'
import { entriesOf } from '../../../src/console/configuration.ts'

t.test('each attempt waits twice as long as the one before, up to half a minute', t => {
  t.same(
    [1, 2, 3, 4, 5, 6, 60].map(failures => backOff(failures, 0.5)),
    [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000],
  )
  t.equal(backOff(1, 0), 800)
  t.equal(backOff(1, 0.999), 1200)
  t.end()
})

t.test('U-27: a configuration is laid out as lines, counted as in `validate`', t => {
  t.same(
    entriesOf({
      realm: 'a',
      limits: { allocations: 3 },
      listen: ['x', 'y'],
      users: [],
      homeservers: [{ name: 'h' }],
      metrics: false,
    }),
    [
      { path: 'realm', value: 'a' },
      { path: 'limits.allocations', value: '3' },
      { path: 'listen', value: 'x, y' },
      { path: 'users', value: '–' },
      { path: 'homeservers[0].name', value: 'h' },
      { path: 'metrics', value: 'false' },
    ],
  )
  t.end()
})
