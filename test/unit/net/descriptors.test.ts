import t from 'tap'
import { Descriptors, descriptors } from '../../../src/net/descriptors.ts'

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
    t.ok(some.areLeft, `${next} of ${limit} are in use`)
    next = limit - kept
    t.notOk(some.areLeft, `${next} of ${limit} are in use`)
  }
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
    t.equal(new Descriptors(256, open).areLeft, left)
  })
}

t.test('this process has some left', async t => {
  t.ok(descriptors.limit > 0)
  t.ok(descriptors.areLeft)
  t.ok(new Descriptors(Number.POSITIVE_INFINITY, () => t.fail('looked') as never).areLeft)
})
