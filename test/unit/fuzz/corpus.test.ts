import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readCorpus } from '../../fuzz/corpus.ts'
import { TARGETS } from '../../fuzz/targets/all.ts'

/** What fuzzing has found so far: the shortest inputs that reach everything. */
const CORPUS = join(import.meta.dirname, '..', '..', 'fuzz', 'corpus')

for (const target of TARGETS) {
  t.test(`everything that fuzzing has found passes: ${target.name} [SEC-15, SEC-55, NODE-01]`, t => {
    const found = readCorpus(CORPUS, target.name)
    t.ok(found.length > 0, `${found.length} inputs`)
    for (const input of [...target.seeds(), ...found]) {
      try {
        target.run(input)
      } catch (error) {
        t.error(error, `broken by ${input.toString('base64')}`)
      }
    }
    t.end()
  })
}

t.test('the corpus stays small enough for a repository', t => {
  const octets = readdirSync(CORPUS).reduce((sum, name) => sum + statSync(join(CORPUS, name)).size, 0)
  t.ok(octets < 200_000, `${octets} octets`)
  t.end()
})
