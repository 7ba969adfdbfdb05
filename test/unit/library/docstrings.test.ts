import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import ts from 'typescript'

/*
 * The pages of the API (`npm run docs:api`) are made of docstrings, so what has none is not documented at all.
 */

const ROOT = resolve(import.meta.dirname, '../../..')
const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly exports: Readonly<Record<string, string | { readonly types: string }>>
}
/** The source of each entry of the package: `./dist/library/stun.d.ts` is made from `src/library/stun.ts`. */
const ENTRIES = Object.entries(exports).flatMap(([name, entry]) =>
  typeof entry === 'string'
    ? []
    : [[name, entry.types.replace('./dist/', 'src/').replace('.d.ts', '.ts')] as const],
)
const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), path => readFileSync(path, 'utf8'))
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT)
const program = ts.createProgram(
  ENTRIES.map(([, source]) => join(ROOT, source)),
  options,
)
const checker = program.getTypeChecker()

t.test('every entry of the package was found', async t => {
  t.same(
    ENTRIES.map(([name]) => name),
    ['.', './client', './stun'],
  )
})

for (const [name, source] of ENTRIES) {
  t.test(`whatever taciturn${name.slice(1)} exports is explained`, async t => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(join(ROOT, source))!)!
    const exported = checker.getExportsOfModule(module)
    t.ok(exported.length > 5, `${exported.length} names`)
    t.same(exported.flatMap(unexplained), [])
  })
}

/** The names of what has no docstring: the symbol itself, and what a class offers. */
function unexplained(symbol: ts.Symbol): string[] {
  const meant = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  const members = meant.flags & ts.SymbolFlags.Class ? [...(meant.members?.values() ?? [])] : []
  const missing = members.filter(isOffered).filter(member => !isExplained(member))
  return [
    ...(isExplained(meant) ? [] : [symbol.name]),
    ...missing.map(member => `${symbol.name}.${member.name}`),
  ]
}

function isExplained(symbol: ts.Symbol): boolean {
  return symbol.getDocumentationComment(checker).length > 0
}

/** A public method or field of a class, which no class above it declares. */
function isOffered({ declarations = [], name }: ts.Symbol): boolean {
  const [declaration] = declarations
  if (!declaration || name.startsWith('__') || ts.isConstructorDeclaration(declaration)) return false
  const named = ts.getNameOfDeclaration(declaration)
  if (named && ts.isPrivateIdentifier(named)) return false
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected | ts.ModifierFlags.Override
  if (ts.getCombinedModifierFlags(declaration) & hidden) return false
  return !ts.getJSDocTags(declaration).some(({ tagName }) => tagName.text === 'internal')
}
