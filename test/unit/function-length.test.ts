import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import ts from 'typescript'

/** Lines that a function may have. Tables of data in it do not count. */
const LONGEST = 80

const root = resolve(import.meta.dirname, '../../src')

t.test('C-28: no function is longer than 80 lines, tables of data aside', async t => {
  const long: string[] = []
  let seen = 0
  for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.ts')) continue
    for (const { name, lines } of functionsIn(path, readFileSync(join(root, path), 'utf8'))) {
      seen++
      if (lines > LONGEST) long.push(`${path}: ${name} has ${lines} lines`)
    }
  }
  t.same(long, [])
  t.ok(seen > 3000, 'there were functions to look at')
})

t.test('a table of data does not count, and one with functions in it does', async t => {
  const table = `[\n${'  1,\n'.repeat(100)}]`
  t.match(functionsIn('x.ts', `function f() {\n  return ${table}\n}`), [{ name: 'f', lines: 3 }])
  const functions = `{\n${Array.from({ length: 100 }, (_, i) => `  f${i}: () => 1,\n`).join('')}}`
  t.equal(functionsIn('x.ts', `const g = () => (${functions})`)[0]!.lines, 102)
})

function functionsIn(path: string, text: string): { readonly name: string; readonly lines: number }[] {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const found: { name: string; lines: number }[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body) {
      found.push({ name: nameOf(node), lines: linesOf(file, node) - tableLines(file, node) })
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

/** Lines of the outermost literals below a node that hold no function, without their first lines. */
function tableLines(file: ts.SourceFile, node: ts.Node): number {
  let lines = 0
  ts.forEachChild(node, child => {
    const isLiteral = ts.isObjectLiteralExpression(child) || ts.isArrayLiteralExpression(child)
    lines += isLiteral && !holdsFunction(child) ? linesOf(file, child) - 1 : tableLines(file, child)
  })
  return lines
}

function holdsFunction(node: ts.Node): boolean {
  return (
    ts.isFunctionLike(node) || (ts.forEachChild(node, child => holdsFunction(child) || undefined) ?? false)
  )
}

function linesOf(file: ts.SourceFile, node: ts.Node): number {
  const line = (position: number) => file.getLineAndCharacterOfPosition(position).line
  return line(node.end) - line(node.getStart(file)) + 1
}

function nameOf(node: ts.SignatureDeclaration): string {
  const named = node.name ?? (ts.isVariableDeclaration(node.parent) ? node.parent.name : undefined)
  return named?.getText() ?? 'a function'
}
