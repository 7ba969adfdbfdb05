import t from 'tap'
import { Descriptors, descriptors } from '../../../src/system/descriptors.ts'

t.test('clients may have all descriptors but a few [OPS-08]', async t => {
  for (const [limit, kept] of [
    [64, 8],
    [256, 12],
    [1024, 51],
    [524_288, 64],
  ] as const) {
    let next = 0
    const some = new Descriptors(limit, () => next)
    next = limit - kept - 1
    t.ok(some.takeOne(), `${next} of ${limit} are in use`)
    next = limit - kept
    t.notOk(some.takeOne(), `${next} of ${limit} are in use`)
  }
})

t.test('while plenty are left it looks now and then, and near the end each time [OPS-08]', async t => {
  let open = 0
  let looks = 0
  const some = new Descriptors(1024, () => {
    looks++
    return open
  })
  const asked = 900
  for (let i = 0; i < asked; i++) {
    t.ok(some.takeOne(), `${open} are in use`)
    open++
  }
  t.ok(looks < asked / 3, `${looks} looks`)
  looks = 0
  // All threads together have taken what was left; this one has let in a handful since its last look.
  open = 1024 - 51
  let more = 0
  while (some.takeOne()) more++
  t.ok(more <= 1, `${more} more`)
  t.notOk(some.takeOne())
})

for (const [code, left] of [
  ['EMFILE', false],
  ['ENFILE', false],
  ['ENOENT', true],
  ['EACCES', true],
] as const) {
  t.test(`where the look ends in ${code} there are ${left ? 'some' : 'none'} left [OPS-08]`, async t => {
    const open = () => {
      throw Object.assign(new Error(code), { code })
    }
    t.equal(new Descriptors(256, open).takeOne(), left)
  })
}

t.test('this process has some left', async t => {
  t.ok(descriptors.limit > 0)
  t.ok(descriptors.takeOne())
  t.ok(new Descriptors(Number.POSITIVE_INFINITY, () => t.fail('looked') as never).takeOne())
})
