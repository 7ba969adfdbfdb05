import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'

t.test('a million datagrams make no garbage [NODE-09]', async t => {
  t.equal(Math.min(...collections()), 0)
})

t.test('one small object a datagram would have been noticed [NODE-09]', async t => {
  t.ok(Math.min(...collections('litter')) >= 5)
})

/** Collections in each million datagrams, in a process with a nursery of a megabyte. */
function collections(...args: string[]): number[] {
  const script = join(import.meta.dirname, '../../support/steady-state.ts')
  const flags = [...process.execArgv, '--max-semi-space-size=1']
  return JSON.parse(execFileSync(process.execPath, [...flags, script, ...args], { encoding: 'utf8' }))
}
