import t from 'tap'
import { withBlocked } from '../../../src/auth/blocked.ts'
import type { Time } from '../../../src/base/time.ts'
import type { AuthRequest, Candidate } from '../../../src/core/candidate.ts'

const request: AuthRequest = {
  username: '9:@mallory:example.org',
  realm: 'r',
  algorithm: 1,
  now: 1000 as Time,
}
const candidate = (tenant: string, user: string): Candidate => ({
  tenant,
  user,
  username: request.username!,
  key: Buffer.alloc(1),
  expired: false,
  paused: false,
})
const known = () => [candidate('example.org', '@mallory:example.org'), candidate('', '@mallory:example.org')]

t.test('a blocked user is blocked whoever signed, or as a user of one homeserver', async t => {
  const all = withBlocked([{ user: '@mallory:example.org' }], known)
  t.same(
    all(request).map(({ blocked }) => blocked),
    [true, true],
  )
  const one = withBlocked([{ user: '@mallory:example.org', homeserver: 'example.org' }], known)
  t.same(
    one(request).map(({ blocked }) => blocked),
    [true, undefined],
  )
  const other = withBlocked([{ user: '@Mallory:example.org' }], known)
  t.same(other(request), known())
})

t.test('a block ends by the wall clock, without anybody doing anything', async t => {
  const until = withBlocked([{ user: '@mallory:example.org', until: 1001 }], known)
  t.equal(until(request)[0]?.blocked, true)
  t.equal(until({ ...request, now: 1001 as Time })[0]?.blocked, undefined)
})

t.test('of two blocks of one user the longer one counts', async t => {
  const twice = withBlocked(
    [
      { user: '@mallory:example.org', until: 500 },
      { user: '@mallory:example.org', homeserver: '' },
    ],
    known,
  )
  t.same(
    twice(request).map(({ blocked }) => blocked),
    [undefined, true],
  )
})
