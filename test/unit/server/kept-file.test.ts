import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { KeptFile } from '../../../src/system/kept-file.ts'

function rig(file: string) {
  const failed: (string | undefined)[] = []
  return { kept: new KeptFile(file, ({ code }) => failed.push(code)), failed }
}

t.test('S-14: a kept file is written in the background, as a whole, and nobody else may read it', async t => {
  const file = join(t.testdir(), 'state', 'file.json')
  const { kept, failed } = rig(file)
  await kept.idle()
  kept.write(['a', 'b'])
  t.notOk(existsSync(file), 'the disk has not been waited for')
  await kept.idle()
  t.equal(readFileSync(file, 'utf8'), 'ab')
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.notOk(existsSync(`${file}.new`))
  kept.write([])
  await kept.idle()
  t.equal(readFileSync(file, 'utf8'), '')
  t.same(failed, [])
})

t.test('S-14: of several texts that wait only the last is written, and each of its pieces once', async t => {
  const file = join(t.testdir(), 'file.json')
  const { kept } = rig(file)
  const made: string[] = []
  const text = function* (name: string) {
    for (let i = 0; i < 5; i++) {
      made.push(name)
      yield `${name}${'x'.repeat(10_000)}\n`
    }
  }
  for (const name of ['first', 'second', 'third']) kept.write(text(name))
  await kept.idle()
  t.equal(readFileSync(file, 'utf8'), `third${'x'.repeat(10_000)}\n`.repeat(5))
  t.same(made, [...Array(5).fill('first'), ...Array(5).fill('third')])
})

t.test(
  'where a text cannot be written the one before stays, that is told, and the next is tried',
  async t => {
    const file = join(t.testdir({ 'file.json': 'old' }), 'file.json')
    const { kept, failed } = rig(join(file, 'below', 'file.json'))
    kept.write(['new'])
    await kept.idle()
    t.same(failed, ['ENOTDIR'])
    const again = rig(file)
    again.kept.write(
      (function* () {
        yield 'new'
        throw Object.assign(new Error('no'), { code: 'NO' })
      })(),
    )
    await again.kept.idle()
    t.same(again.failed, ['NO'])
    t.equal(readFileSync(file, 'utf8'), 'old')
    writeFileSync(`${file}.new`, 'left by a dead process')
    again.kept.write(['new'])
    await again.kept.idle()
    t.equal(readFileSync(file, 'utf8'), 'new')
  },
)
