import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const SOURCES = join(import.meta.dirname, '..', '..', '..', 'src')
/** What meets strangers: octets from the network, or the answer to them. */
const STRANGERS = ['wire', 'core', 'auth', 'forward', 'shard', 'net', 'server', 'control', 'issue', 'admin']

const sources = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
  .filter(file => file.endsWith('.ts'))
  .map(file => ({ file, folder: file.split('/')[0]!, code: withoutComments(read(file)) }))

t.test('nothing that the server does is left to Math.random [SEC-07]', async t => {
  // The generators of load and the pages of the console may do as they like: nothing depends on their luck.
  const serving = sources.filter(({ folder }) => folder !== 'load' && folder !== 'console')
  t.strictSame(holders(serving, /\bMath\.random\b/), [])
  t.ok(serving.length > 150)
})

t.test(
  'memory that was not filled is taken in two places, each of which fills it [NODE-05, SEC-05]',
  async t => {
    t.strictSame(holders(sources, /\ballocUnsafe(Slow)?\b|new Buffer\(/), [
      'wire/zeros.ts',
      'net/stream/frame-outbox.ts',
    ])
    t.match(read('wire/zeros.ts'), /allocUnsafe\(length\)\.fill\(0\)/)
  },
)

t.test('addresses are judged by our own ranges [NODE-12]', async t => {
  t.strictSame(holders(sources, /\bBlockList\b/), [])
})

t.test('of the callbacks of a TLS handshake there are two, which cannot throw [NODE-04, SEC-67]', async t => {
  const [acme, usual] = ['net/stream/tls/acme-door.ts', 'net/stream/tls/tls-acceptor.ts'] as const
  t.strictSame(holders(sources, /\b(SNICallback|pskCallback|ALPNCallback)\b/), [acme, usual])
  t.match(
    read(acme),
    /SNICallback: \(name, done\) => done\(null, this\.#contexts\.get\(name\.toLowerCase\(\)\)\),/,
  )
  for (const file of [acme, usual]) t.match(read(file), /tlsClientError/)
})

t.test('what proves something is compared by timingSafeEqual and by nothing else [SEC-19]', async t => {
  const strangers = sources.filter(({ folder }) => STRANGERS.includes(folder))
  const secret = String.raw`\b\w*(?:[mM]ac|[pP]assword|[sS]ecret|apiKey|[sS]ignature|[hH]ash)`
  const other = String.raw`(?!undefined\b|null\b|'|"|\d|typeof\b)[\w.]+`
  const compared = new RegExp(
    `${secret}\\s*(?:===|!==|==|!=)\\s*${other}|${other}\\s*(?:===|!==)\\s*[\\w.]*${secret}\\b|${secret}\\)?\\.(?:equals|compare|startsWith)\\(`,
  )
  t.match('if (mac === expected)', compared, 'the rule finds what it is for')
  t.match('given.equals(x) || key.hash.equals(other)', compared)
  t.notMatch("if (password === undefined || secret === '')", compared)
  t.strictSame(holders(strangers, compared), [])
  for (const file of [
    'wire/integrity.ts',
    'core/trust/nonce.ts',
    'control/tokens.ts',
    'issue/turn-rest.ts',
  ]) {
    t.match(read(file), /timingSafeEqual\(/, file)
  }
})

t.test('no regular expression repeats what repeats, so none can backtrack for long [NODE-07]', async t => {
  const strangers = sources.filter(({ folder }) => STRANGERS.includes(folder) || folder === 'base')
  // A group that begins with a dot of its own can be read in one way only.
  const nested =
    /\/(?![/*])(?:[^/\\\n[]|\\.|\[[^\]]*\])*\((?!(?:\?:)?\\\.)(?:[^()\\]|\\.)*(?<!\\)[+*](?:[^()\\]|\\.)*\)[+*{]/
  t.match('/^(a+)+$/.test(x)', nested, 'the rule finds what it is for')
  t.strictSame(holders(strangers, nested), [])
})

t.test('what strangers send is neither run nor made into a command [SEC-01, SEC-22]', async t => {
  const strangers = sources.filter(({ folder }) => STRANGERS.includes(folder))
  const run = /\beval\(|\bnew Function\(|\bexecSync\(|\bexec\('|\bexecFile\(/
  t.strictSame(holders(strangers, run), [])
})

t.test('no request to the control plane names a file [SEC-25]', async t => {
  const control = sources.filter(({ folder }) => folder === 'control')
  t.ok(control.length > 5)
  const writes = /\b(writeFile|writeFileSync|createWriteStream|appendFile|renameSync|openSync)\(/
  // The one file that is written is named by the configuration.
  t.strictSame(holders(control, writes), ['control/access-log.ts'])
  t.notMatch(read('control/endpoints.ts'), /\b(file|filename|folder|directory)\s*:\s*\{/)
})

/** Files that hold something of the kind. */
function holders(list: readonly { readonly file: string; readonly code: string }[], what: RegExp): string[] {
  return list.filter(({ code }) => code.split('\n').some(line => what.test(line))).map(({ file }) => file)
}

function read(file: string): string {
  return readFileSync(join(SOURCES, file), 'utf8')
}

function withoutComments(code: string): string {
  return code.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '')
}
