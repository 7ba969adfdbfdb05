import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import ts from 'typescript'

/** Functions that return one of several types, each with its reason. */
const ALLOWED: Readonly<Record<string, string>> = {
  'config/control.ts readConsole': '`false` is a value: the console is switched off',
  'core/peers/admitted.ts channelTo': '0 is a value: no channel, as in a route',
  'core/peers/peers.ts channel': 'the same',
  'doctor/http.ts ask': 'a union by `kind`, as `Input` is',
  'doctor/http.ts redirected': 'the same',
  'kernel/bpf.ts memory': 'what the addon returns: a number is an errno of C',
  'kernel/netlink.ts #ask': 'the same, from the kernel',
  'system/native-addon.ts mapMemory': 'the same',
  'system/native-addon.ts passages': 'the same',
  'system/native-addon.ts routes': 'the same',
  'wire/message.ts parse': 'a union by `kind`, so that no object is made around each message',
}

const root = resolve(import.meta.dirname, '../../src')
const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts'))

t.test(
  'C-05: a function that may fail returns a Result, and no value that is told apart by its looks',
  async t => {
    const found = paths.flatMap(path => unionsIn(path, readFileSync(join(root, path), 'utf8')))
    t.same(found.filter(name => !(name in ALLOWED)).sort(), [])
    t.same(
      Object.keys(ALLOWED).filter(name => !found.includes(name)),
      [],
      'and none is excused that is not there',
    )
  },
)

t.test('C-05: faults are told apart by their kind, and not by their class', async t => {
  const asking = paths.filter(path =>
    /instanceof \w*(Fault|Answer)\b/.test(readFileSync(join(root, path), 'utf8')),
  )
  t.same(asking, [])
})

t.test('a value or a word is found, and what may be missing or come later is no union', async t => {
  const text = `
    function a(): Buffer | 'busy' {}
    async function b(): Promise<Link | LinkFault> {}
    function c(): Buffer | undefined {}
    function d(): 'one' | 'two' {}
    function e(): Answer | Promise<Answer> {}`
  t.same(unionsIn('x.ts', text), ['x.ts a', 'x.ts b'])
})

/** Functions whose result is declared as one of several types, beside `undefined` and the like. */
function unionsIn(path: string, text: string): string[] {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const found = new Set<string>()
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && node.type && isEither(node.type)) {
      found.add(`${path.replaceAll('\\', '/')} ${node.name?.getText() ?? 'a function'}`)
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return [...found]
}

function isEither(type: ts.TypeNode): boolean {
  const inner = promised(type)
  if (!ts.isUnionTypeNode(inner)) return false
  const parts = inner.types.map(part => promised(part).getText())
  const values = new Set(parts.filter(part => !['undefined', 'null', 'void'].includes(part)))
  const areWords = [...values].every(part => /^['"\d]/.test(part))
  const arePlain = [...values].every(part => ['number', 'string', 'boolean', 'bigint'].includes(part))
  return values.size > 1 && !areWords && !arePlain
}

function promised(type: ts.TypeNode): ts.TypeNode {
  const isPromise = ts.isTypeReferenceNode(type) && type.typeName.getText() === 'Promise'
  return (isPromise && type.typeArguments?.[0]) || type
}
