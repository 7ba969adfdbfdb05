import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '..', '..', '..')

t.test('S-01, S-02: nothing that fuzzing has found costs more than its budget, in places counted', t => {
  // Only instrumented sources count, so the corpus is played by the fuzzer itself.
  const played = spawnSync(
    process.execPath,
    [join(ROOT, 'scripts/fuzz.mjs'), '--target', 'cost', '--seconds', '0', '--finds', t.testdir({})],
    { encoding: 'utf8' },
  )
  t.equal(played.status, 0, played.stdout + played.stderr)
  const [, executions] = /(\d+) executions in all/.exec(played.stdout) ?? []
  t.ok(Number(executions) > 10, `${executions} inputs`)
  t.match(played.stdout, /STUN 9 4 +[0-9]+ places/, 'and work was counted')
  t.end()
})
