import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type DoctorCheck, inOrder } from '../../../src/doctor/check.ts'
import { AFTER, BEFORE, EACH } from '../../../src/doctor/checks/all.ts'
import { type FactName, Facts } from '../../../src/doctor/facts.ts'

const CHECKS = join(import.meta.dirname, '../../../src/doctor/checks')
const FACTS = Object.keys(new Facts({ fromOutside: false, resolve: new Map() })).filter(
  name => !['subject', 'started', 'report'].includes(name),
) as FactName[]

t.test('C-23: each check comes after those that learn what it needs, however they are listed', async t => {
  for (const listed of [BEFORE, BEFORE.toReversed(), [...BEFORE.slice(6), ...BEFORE.slice(0, 6)]]) {
    const ordered = inOrder(listed)
    t.same(new Set(ordered), new Set(BEFORE))
    for (const [i, check] of ordered.entries()) {
      const later = ordered.slice(i + 1).flatMap(({ gives = [] }) => gives)
      t.same(
        (check.needs ?? []).filter(fact => later.includes(fact)),
        [],
        check.name,
      )
    }
  }
  const circle: DoctorCheck[] = [
    { name: 'uris', needs: ['base'], gives: ['uris'], run: () => [] },
    { name: 'discovery', needs: ['uris'], gives: ['base'], run: () => [] },
  ]
  t.throws(() => inOrder(circle), /wait for each other: uris, discovery/)
})

t.test('C-23: a check says which facts it learns, and nothing needs one that nobody learns', async t => {
  const learnt = new Set([...BEFORE, ...AFTER].flatMap(({ gives = [] }) => gives))
  for (const { name, needs = [] } of [...BEFORE, ...AFTER]) {
    t.same(
      needs.filter(fact => !learnt.has(fact)),
      [],
      name,
    )
  }
  for (const file of readdirSync(CHECKS)) {
    const text = readFileSync(join(CHECKS, file), 'utf8')
    const written = FACTS.filter(fact =>
      new RegExp(`facts\\.${fact}(\\.(set|push)\\(| (\\?\\?)?= )`).test(text),
    )
    const declared = new Set(
      [...text.matchAll(/\bgives: \[([^\]]*)\]/g)].flatMap(([, list]) => list!.match(/\w+/g)),
    )
    t.same(
      written.filter(fact => !declared.has(fact)),
      [],
      file,
    )
  }
})

t.test('C-23: no two checks have the same name', async t => {
  const names = [...BEFORE, ...EACH, ...AFTER].map(({ name }) => name)
  const twice = names.filter((name, i) => names.indexOf(name) !== i)
  t.same(twice, [])
})
