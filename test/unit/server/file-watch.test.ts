import t from 'tap'
import { FileWatch } from '../../../src/system/file-watch.ts'

t.test('a change is told once, when the file has rested', async t => {
  const { watch, files, told } = start(['cert'])
  files.cert = 'new'

  watch.poll()
  t.equal(told(), 0, 'it may still be being written')
  watch.poll()
  watch.poll()

  t.equal(told(), 1)
})

t.test('certificate and key that change one after the other are one change', async t => {
  const { watch, files, told } = start(['cert', 'key'])
  files.cert = 'new'
  watch.poll()
  files.key = 'new'
  watch.poll()
  t.equal(told(), 0)

  watch.poll()

  t.equal(told(), 1)
})

t.test('files that do not change are not told', async t => {
  const { watch, told } = start(['cert'])

  for (let i = 0; i < 5; i++) watch.poll()

  t.equal(told(), 0)
})

t.test('a file that is no longer watched may change', async t => {
  const { watch, files, told } = start(['cert', 'secret'])
  watch.watch(['cert'])

  files.secret = 'new'
  for (let i = 0; i < 5; i++) watch.poll()

  t.equal(told(), 0)
})

t.test('watching the same files again forgets no change', async t => {
  const { watch, files, told } = start(['cert'])
  files.cert = 'new'
  watch.poll()

  watch.watch(['cert'])
  watch.poll()

  t.equal(told(), 1)
})

t.test('an answer that comes after the files were exchanged counts for nothing', async t => {
  const waiting: ((state: string) => void)[] = []
  let told = 0
  const watch = new FileWatch(
    () => told++,
    (_path, done) => waiting.push(done),
  )
  watch.watch(['old'])
  watch.watch(['new'])

  waiting[0]!('late')
  waiting[1]!('first')
  for (let i = 2; i < 4; i++) {
    watch.poll()
    waiting[i]!('first')
  }

  t.equal(told, 0)
})

function start(paths: string[]) {
  const files: Record<string, string> = {}
  let told = 0
  const watch = new FileWatch(
    () => told++,
    (path, done) => done(files[path] ?? 'old'),
  )
  watch.watch(paths)
  return { watch, files, told: () => told }
}
