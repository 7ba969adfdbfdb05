import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import t from 'tap'
import { COTURN_OPTIONS } from '../../../src/import/coturn/coturn-options.ts'
import { need } from '../../support/need.ts'

t.test("every option in the help of Debian's coturn is known", need('turnserver'), async t => {
  const { stdout, stderr } = spawnSync('turnserver', ['-n', '--help'], {
    encoding: 'utf8',
    cwd: tmpdir(),
    timeout: 10_000,
  })
  // Options stand at the start of a line, behind their short form.
  const lines = `${stdout}${stderr}`
    .split('\n')
    .filter(line => /^ {1,5}(-\w,? *)?(, )?-{1,2}[a-zA-Z]/.test(line))
  const names = new Set(
    lines.flatMap(line => [...line.split('\t')[0]!.matchAll(/--([A-Za-z][\w-]*)/g)].map(([, name]) => name!)),
  )

  t.ok(names.size > 90, `${names.size} found`)
  t.same(
    [...names].filter(name => !Object.hasOwn(COTURN_OPTIONS, name)),
    [],
  )
})
