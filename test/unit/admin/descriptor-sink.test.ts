import t from 'tap'
import { DescriptorSink, type LogGap } from '../../../src/log/descriptor-sink.ts'

t.test('lines that come while one is written leave together, in order', async t => {
  const { sink, outcomes, written } = rig()
  sink.write('a\n')
  sink.write('b\n')
  sink.write('c\n')
  t.same(written, ['a\n'])
  outcomes.shift()!()
  t.same(written, ['a\n', 'b\nc\n'])
})

t.test('U-01: when the destination is gone, close ends with the one write that fails', async t => {
  const { sink, outcomes, written, run } = rig()
  sink.write('x\n')
  outcomes.shift()!('EIO')
  run(1000)
  outcomes.shift()!('ENOSPC')
  sink.write('last\n')
  let closed = 0
  sink.close(() => closed++)
  t.equal(closed, 0)
  t.equal(outcomes.length, 1, 'one more try')
  outcomes.shift()!('EIO')
  t.equal(closed, 1)
  t.same(outcomes, [], 'and no other')
  t.same(written, ['x\n', 'x\n', 'x\n'])
})

t.test('U-01: a reader that has stalled gets a second to take the last lines', async t => {
  const { sink, outcomes, timers, run } = rig()
  sink.write('x\n')
  let closed = 0
  sink.close(() => closed++)
  outcomes.shift()!('EAGAIN')
  t.equal(closed, 0)
  run(100)
  outcomes.shift()!('EAGAIN')
  t.same(
    timers.map(({ after }) => after),
    [1000, 100],
  )
  run(1000)
  t.equal(closed, 1)
  run(100)
  t.same(outcomes, [], 'nothing is written any more')
})

t.test('U-01: a write that never returns does not keep close from ending', async t => {
  const { sink, run } = rig()
  sink.write('x\n')
  let closed = 0
  sink.close(() => closed++)
  run(1000)
  t.equal(closed, 1)
})

t.test('what was taken in part is completed, and a line is never torn by a failure', async t => {
  const { sink, outcomes, written, run } = rig()
  sink.write('abcdef\n')
  outcomes.shift()!(undefined, 3)
  outcomes.shift()!('ENOSPC')
  sink.write('g\n')
  run(1000)
  outcomes.shift()!()
  outcomes.shift()!()
  t.same(written, ['abcdef\n', 'def\n', 'def\n', 'g\n'])
})

t.test('at most a megabyte waits, and what is lost is told once it is over', async t => {
  const { sink, outcomes, gaps } = rig()
  const line = `${'x'.repeat(1023)}\n`
  for (let i = 0; i < 1024 + 5; i++) sink.write(line)
  t.same(gaps, [])
  outcomes.shift()!()
  t.same(gaps, [{ why: 'the reader has stalled', linesLost: 5 }])
  outcomes.shift()!()
  t.equal(gaps.length, 1, 'once')
})

function rig() {
  const written: string[] = []
  const gaps: LogGap[] = []
  const outcomes: ((code?: string, octets?: number) => void)[] = []
  const timers: { readonly run: () => void; readonly after: number }[] = []
  const sink = new DescriptorSink({
    descriptor: -1,
    resumed: gap => gaps.push(gap),
    write: (bytes, done) => {
      written.push(bytes.toString())
      outcomes.push((code, octets = bytes.length) => {
        if (code === undefined) done(null, octets)
        else done(Object.assign(new Error(code), { code }), 0)
      })
    },
    later: (run, after) => timers.push({ run, after }),
  })
  /** Runs the timers of this length that were set so far. */
  const run = (after: number) => {
    for (const timer of timers.splice(0)) {
      if (timer.after === after) timer.run()
      else timers.push(timer)
    }
  }
  return { sink, written, gaps, outcomes, timers, run }
}
