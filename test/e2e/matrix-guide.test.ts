import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { selfSigned } from '../support/certificate.ts'
import { Child } from '../support/child.ts'
import { documentation } from '../support/deb.ts'
import { pairUp } from '../support/issued.ts'
import { enterNamespace, Namespace, needNamespaces } from '../support/namespaces.ts'
import { needSynapse, type Synapse, type SynapseUser, startSynapse } from '../support/synapse.ts'

/*
 * The ten steps of docs/matrix.md and docs/de/matrix.md with a real Synapse: what the pages tell to run, paste and
 * write into the configuration, as they have it. Packages, firewall and certbot are left out.
 */

const MAIN = join(import.meta.dirname, '../../dist/cli/main.js')
const NAME = 'turn.example.org'
const ADDRESS = '80.1.1.10'

t.setTimeout(240_000)
// The relay listens where its defaults say, so it needs a machine of its own.
const inside = await enterNamespace(import.meta.url)
const needed = inside ? needSynapse() : needNamespaces()

t.test('the ten steps lead to a call between two users of Synapse', needed, async t => {
  const synapse = await startSynapse({ certificate: selfSigned(t.testdir({})) })
  t.teardown(() => synapse.stop())
  const users = [await synapse.register('alice'), await synapse.register('bob')] as const
  const machine = Namespace.own()
  machine.run('ip', 'link', 'add', 'wan', 'type', 'bridge')
  machine.address('wan', `${ADDRESS}/24`)
  for (const page of ['docs/matrix.md', 'docs/de/matrix.md']) {
    await t.test(page, t => walk(t, new Guide(t, documentation(page)), synapse, users))
  }
})

async function walk(
  t: Test,
  guide: Guide,
  synapse: Synapse,
  [alice, bob]: readonly [SynapseUser, SynapseUser],
) {
  await guide.run('taciturn init', 0)
  await guide.run('taciturn validate', 0)
  guide.write('"tls":')
  await guide.run('taciturn validate', 0)
  const relay = guide.start('serve')
  t.teardown(() => relay.stop())
  await relay.says(/"ready"/)
  await guide.run('taciturn status', 0)

  const pasted = await guide.run('taciturn snippet synapse', 0)
  const shown = parse(guide.block('turn_uris'))
  const lines = parse(pasted)
  t.same({ ...lines, turn_shared_secret: shown.turn_shared_secret }, shown, 'the page shows what is printed')
  await synapse.restart(lines)
  guide.token(alice.token)
  const said = await guide.run('taciturn doctor', 0, {
    from: 'example.org',
    to: synapse.url,
    more: ['--resolve', `${NAME}=${ADDRESS}`],
  })
  t.match(said, /Synapse/)
  t.notMatch(said, /^✗/m, 'the doctor finds nothing to complain of')

  const path = '/_matrix/client/v3/voip/turnServer'
  const [one, other] = [await alice.get(path), await bob.get(path)]
  t.same(one.json.uris, shown.turn_uris)
  const plain = ({ json }: typeof one) => ({ ...json, uris: ['turn:127.0.0.1:3478?transport=udp'] }) as never
  const call = await pairUp(plain(one), plain(other))
  await call.exchange('as the page has it')
  call.close()
}

/** A page, and a machine on which it is followed: its paths are below a folder. */
class Guide {
  readonly #text: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'guide-'))
  readonly #env: Record<string, string>

  constructor(t: Test, text: string) {
    t.teardown(() => rmSync(this.#folder, { recursive: true, force: true }))
    this.#text = text
    const etc = join(this.#folder, 'etc/taciturn')
    mkdirSync(etc, { recursive: true })
    const { certificate, key } = selfSigned(this.#folder, NAME)
    writeFileSync(join(etc, 'fullchain.pem'), readFileSync(certificate))
    writeFileSync(join(etc, 'privkey.pem'), readFileSync(key), { mode: 0o600 })
    this.#env = {
      PATH: process.env.PATH ?? '',
      LANG: 'C.UTF-8',
      TACITURN_CONFIG: join(etc, 'turnserver.json'),
      TACITURN_STATE: join(this.#folder, 's'),
      NODE_EXTRA_CA_CERTS: certificate,
    }
  }

  /** Runs the first command of the page that begins like this; returns what it says. */
  async run(
    begins: string,
    code: number,
    { from = '', to = '', more = [] }: { from?: string; to?: string; more?: readonly string[] } = {},
  ): Promise<string> {
    const command = [...this.#text.matchAll(/^```sh\n(.*?)^```$/gms)]
      .flatMap(([, block = '']) => block.split('\n'))
      .find(line => line.startsWith(begins))
    if (!command) throw new Error(`the page has no ${begins}`)
    const words = command
      .split(' ')
      .slice(1)
      .map(word => this.#here(word))
      .map(word => (word === from ? to : word))
    const child = this.start(...words, ...more)
    const exit = await child.exited
    if (exit.code !== code) throw new Error(`${command} ended with ${exit.code}:\n${child.output}`)
    return child.stdout
  }

  start(...words: readonly string[]): Child {
    return new Child(process.execPath, [MAIN, ...words, '--lang', 'en'], { env: this.#env })
  }

  /** Writes a line that the page shows into the configuration, in place of one that is there as a comment. */
  write(begins: string): void {
    const line = this.block(begins)
    const file = this.#env.TACITURN_CONFIG!
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^\{/, `{ ${this.#here(line)}`))
  }

  /** What the doctor would ask for. */
  token(token: string): void {
    this.#env.TACITURN_DOCTOR_TOKEN = token
  }

  /** The block of the page that begins like this. */
  block(begins: string): string {
    const all = [...this.#text.matchAll(/^```\w+\n(.*?)^```$/gms)].map(([, block = '']) => block)
    const block = all.find(one => one.startsWith(begins))
    if (!block) throw new Error(`the page has no ${begins}`)
    return block
  }

  #here(text: string): string {
    return text.replaceAll('/etc/taciturn', join(this.#folder, 'etc/taciturn'))
  }
}
