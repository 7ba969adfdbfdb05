import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import t from 'tap'

const root = resolve(import.meta.dirname, '../..')

t.test('every rule of docs/conformance.md has a test or says what happens instead', t => {
  const run = spawnSync(process.execPath, ['scripts/conformance.mjs', '--check'], {
    cwd: root,
    encoding: 'utf8',
  })

  t.equal(
    run.status,
    0,
    run.stdout
      .split('\n')
      .filter(line => line.includes('open:'))
      .join('\n') + run.stderr,
  )
  t.match(run.stdout, /\d{3} rules: \d{3} tested, \d+ explained, 0 open/)
  t.end()
})
