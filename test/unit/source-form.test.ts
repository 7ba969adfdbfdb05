import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import ts from 'typescript'

/** Columns of a comment, as of the code. */
const WIDEST = 120

const root = resolve(import.meta.dirname, '../../src')
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter(path => path.endsWith('.ts'))
  .map(path => ({ path, text: readFileSync(join(root, path), 'utf8') }))

t.test('C-27: no comment is wider than the code', async t => {
  // The library's configuration has the sentences of the schema, a line each.
  const wide = sources
    .filter(({ path }) => path !== 'library/configuration.ts')
    .flatMap(({ path, text }) =>
      text
        .split('\n')
        .flatMap((line, i) =>
          line.length > WIDEST && /^\s*(\/\*|\*|\/\/)/.test(line) ? [`${path}:${i + 1}`] : [],
        ),
    )
  t.same(wide, [])
})

t.test('C-27: the fields of a class stand before its methods', async t => {
  const late = sources.flatMap(({ path, text }) => lateFields(path, text))
  t.same(late, [])
  t.same(lateFields('x.ts', 'class A { f() {} #a = 1; g = () => 2 }'), ['x.ts: #a'])
})

/** Fields behind a method. A field that is a function counts as a method. */
function lateFields(path: string, text: string): string[] {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  return file.statements.filter(ts.isClassDeclaration).flatMap(({ members }) => {
    const first = members.findIndex(member => ts.isMethodDeclaration(member) && !isStatic(member))
    return members
      .slice(first < 0 ? members.length : first)
      .filter(ts.isPropertyDeclaration)
      .filter(({ initializer }) => !(initializer && ts.isArrowFunction(initializer)))
      .map(({ name }) => `${path}: ${name.getText(file)}`)
  })
}

function isStatic(member: ts.MethodDeclaration): boolean {
  return member.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword) ?? false
}
