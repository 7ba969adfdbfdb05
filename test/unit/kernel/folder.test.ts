import { chmodSync, chownSync, lchownSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeFolder } from '../../../src/kernel/folder.ts'

t.test('A-11: the loader puts its sockets where nobody else can put theirs', async t => {
  const below = t.testdir({ ours: {}, file: '' })
  const ours = join(below, 'ours')
  chmodSync(ours, 0o750)
  t.same(makeFolder(ours), { ok: true, value: undefined })
  t.ok(makeFolder(join(below, 'made', 'deep')).ok)
  t.equal(statSync(join(below, 'made', 'deep')).mode & 0o027, 0)
  for (const mode of [0o770, 0o752, 0o1777]) {
    chmodSync(ours, mode)
    t.match(makeFolder(ours), { ok: false, error: /others may write/ }, mode.toString(8))
  }
  chmodSync(ours, 0o750)
  symlinkSync(ours, join(below, 'link'))
  t.ok(makeFolder(join(below, 'link')).ok, 'by a link of our own')
  t.throws(() => makeFolder(join(below, 'file')), { code: 'EEXIST' })
  if (process.getuid?.() !== 0) return
  lchownSync(join(below, 'link'), 12_345, 12_345)
  t.match(makeFolder(join(below, 'link')), { ok: false, error: /another user/ }, 'by a link of somebody else')
  chownSync(ours, 12_345, 12_345)
  t.match(makeFolder(ours), { ok: false, error: /another user \(12345\)/ })
})
