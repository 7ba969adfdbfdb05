// What conformance.mjs and advisories.mjs share: ids in tables of markdown, and ids in the names of tests.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * @typedef {{ id: string, cells: string[], instead: string, heading: string }} Row
 * @typedef {{ file: string, name: string }} Test
 */

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const ID = /\b[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*-(?:\d+|GEN)\b/g

/**
 * Does what the command line asks with the rows of a page: figures, `--list`, `--check`.
 * @param {string} page
 */
export function checkPage(page) {
  const rows = readRows(readFileSync(join(root, page), 'utf8'))
  const tests = readTests(join(root, 'test'))
  const open = rows.filter(row => row.instead === '' && !tests.has(row.id))
  if (process.argv.includes('--list')) {
    printList(rows, tests)
  } else {
    printFigures(rows, tests, open)
    for (const row of open) console.log(`  open: ${row.id}  ${row.cells.at(-1)}`)
  }
  const { unknown, twice } = misnamed(rows, tests)
  for (const id of unknown) console.error(`a test names ${id}, which ${page} does not have`)
  for (const id of twice) console.error(`${page} has ${id} twice`)
  const wrong = open.length + unknown.length + twice.length > 0
  if (process.argv.includes('--check') && wrong) process.exitCode = 1
}

/**
 * Reads the rows of the tables that have ids: the id comes first, and last what stands for a test, if anything.
 * @param {string} markdown
 * @returns {Row[]}
 */
function readRows(markdown) {
  /** @type {Row[]} */
  const rows = []
  let heading = ''
  for (const line of markdown.split('\n')) {
    if (line.startsWith('## ')) heading = line.slice(3)
    const cells = line.split('|').map(cell => cell.trim())
    if (cells.length < 5 || cells[1] === undefined || cells[1].match(ID)?.[0] !== cells[1]) continue
    rows.push({ id: cells[1], cells: cells.slice(2, -2), instead: cells.at(-2) ?? '', heading })
  }
  return rows
}

/**
 * Finds the ids in test files: in brackets at the end of a string, or a string of their own in a table of cases.
 * @param {string} folder
 * @returns {Map<string, Test[]>}
 */
function readTests(folder) {
  /** @type {Map<string, Test[]>} */
  const tests = new Map()
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!/\.test\.(ts|mjs|js)$/.test(file)) continue
    const text = readFileSync(join(folder, file), 'utf8')
    for (const [, , literal = ''] of text.matchAll(
      /(['"`])((?:(?!\1)[^\\\n]|\\.)*\[[A-Z0-9, -]+\](?: \[[A-Z0-9, -]+\])*)\1/g,
    )) {
      const marks = literal.slice(literal.search(/(?: ?\[[A-Z0-9, -]+\])+$/))
      for (const id of marks.match(ID) ?? []) {
        const known = tests.get(id) ?? []
        known.push({ file, name: literal })
        tests.set(id, known)
      }
    }
    for (const [, id = ''] of text.matchAll(/'([A-Z0-9-]+)'/g)) {
      if (id.match(ID)?.[0] !== id) continue
      tests.set(id, [...(tests.get(id) ?? []), { file, name: id }])
    }
  }
  return tests
}

/**
 * Prints how many rows of each section are tested, explained and open.
 * @param {Row[]} rows
 * @param {Map<string, Test[]>} tests
 * @param {Row[]} open
 */
function printFigures(rows, tests, open) {
  const width = Math.max(...rows.map(row => row.heading.length))
  console.log(`${'section'.padEnd(width)}  rules  tested  explained  open`)
  for (const heading of new Set(rows.map(row => row.heading))) {
    const mine = rows.filter(row => row.heading === heading)
    const figures = [
      String(mine.length).padStart(5),
      String(mine.filter(row => tests.has(row.id)).length).padStart(6),
      String(mine.filter(row => row.instead !== '').length).padStart(9),
      String(mine.filter(row => open.includes(row)).length).padStart(4),
    ]
    console.log(`${heading.padEnd(width)}  ${figures.join('  ')}`)
  }
  const tested = rows.filter(row => tests.has(row.id)).length
  const explained = rows.filter(row => row.instead !== '').length
  console.log(`\n${rows.length} rules: ${tested} tested, ${explained} explained, ${open.length} open`)
}

/**
 * Prints every row with the tests that cover it.
 * @param {Row[]} rows
 * @param {Map<string, Test[]>} tests
 */
function printList(rows, tests) {
  for (const row of rows) {
    console.log(`${row.id}  ${row.cells.at(-1)}`)
    for (const test of tests.get(row.id) ?? []) console.log(`    ${test.file}: ${test.name}`)
    if (row.instead !== '') console.log(`    instead: ${row.instead}`)
  }
}

/**
 * Ids that tests name and no row has, in a family that some row has; and ids that two rows have.
 * @param {Row[]} rows
 * @param {Map<string, Test[]>} tests
 */
function misnamed(rows, tests) {
  const ids = new Set(rows.map(row => row.id))
  // Tests may carry other marks of the same form; one of our families must exist.
  const families = new Set(rows.map(row => familyOf(row.id)))
  return {
    unknown: [...tests.keys()].filter(id => !ids.has(id) && families.has(familyOf(id))),
    twice: rows.filter((row, i) => rows.findIndex(one => one.id === row.id) !== i).map(row => row.id),
  }
}

/**
 * The id without its number.
 * @param {string} id
 */
function familyOf(id) {
  return id.slice(0, id.lastIndexOf('-'))
}
