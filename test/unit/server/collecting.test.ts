import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const PROGRAM = fileURLToPath(new URL('../../support/collecting-program.ts', import.meta.url))

/** MiB in use before and after a collection, in a process and in a worker of it. */
function run(...words: string[]): { before: number; after: number }[] {
  // A young generation that holds everything until the collection, so that V8 collects nothing by itself.
  const node = [...process.execArgv, '--max-semi-space-size=128', '--min-semi-space-size=128']
  const lines = execFileSync(process.execPath, [...node, PROGRAM, ...words], { encoding: 'utf8' })
    .trim()
    .split('\n')
  t.equal(lines.length, 2)
  return lines.map(line => JSON.parse(line))
}

t.test('a process that may collect frees what it left behind, and so do its workers', async t => {
  for (const { before, after } of run('allowed')) t.ok(after < before / 2, `${before} MiB, then ${after}`)
})

t.test('where nobody allowed it, as in the library, nothing is collected by force', async t => {
  const [main] = run()
  t.ok(main!.after > main!.before / 2, `${main!.before} MiB, then ${main!.after}`)
})
