import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import { relayConfig } from '../../../src/relay/relay-config.ts'
import { loaded, SECRET } from '../../support/settings.ts'

const PATH = resolve(import.meta.dirname, '../../../src/core/config.ts')
/** Types that hold data and nothing else. */
const DATA = ['Address', 'Family', 'ReadonlyMap', 'Seconds', 'Uint8Array']

t.test('C-01: RelayConfig has no member that is a function, and names no type that could be one', t => {
  const file = ts.createSourceFile(PATH, readFileSync(PATH, 'utf8'), ts.ScriptTarget.Latest, true)
  const config = file.statements.find(
    one => ts.isInterfaceDeclaration(one) && one.name.text === 'RelayConfig',
  )
  t.ok(config, 'it is there')
  let members = 0
  const walk = (node: ts.Node): void => {
    const where = node.getText(file)
    if (ts.isPropertySignature(node)) members++
    if (ts.isMethodSignature(node) || ts.isFunctionTypeNode(node)) t.fail(`a function: ${where}`)
    if (ts.isTypeReferenceNode(node) && !DATA.includes(node.typeName.getText(file)))
      t.fail(`a type: ${where}`)
    if (ts.isExpressionWithTypeArguments(node)) t.fail(`inherits: ${where}`)
    ts.forEachChild(node, walk)
  }
  if (config) walk(config)
  t.ok(members > 20, `${members} members were looked at`)
  t.end()
})

t.test('C-01: what the operator has configured survives being copied as data', async t => {
  const { settings } = loaded({
    homeservers: [{ name: 'example.org', secrets: [SECRET], limits: { bitrate: '96 kbit/s' } }],
  })
  const ip = Uint8Array.of(203, 0, 113, 7)
  const relays = [{ local: ip, public: ip }]
  const around = { dontFragment: true, isOwn: () => false, relays, endpoints: [] }
  const config = relayConfig(settings, around)

  t.same(structuredClone(config), config)
})
