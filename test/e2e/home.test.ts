import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { visitFrom } from '../support/browser.ts'
import { credential } from '../support/credentials.ts'
import { buildPackage, documentation, haveNode } from '../support/deb.ts'
import { Home, NETWORK, PUBLIC, RESOLV_CONF } from '../support/home.ts'
import { Machine, needMachine } from '../support/machine.ts'
import type { Namespace } from '../support/namespaces.ts'
import { callBetween, type IceServers, ONE_END_PAGE } from '../support/one-end-page.ts'

/*
 * From the Debian package to a call between two browsers by README alone, in a
 * home behind a router that translates addresses. How long each step takes is printed.
 */

const NAME = 'turn.example.org'
const MACHINE = `${NETWORK}.5`
const MAIN = join(import.meta.dirname, '../../dist/cli/main.js')
const MINUTES_5 = 300_000

t.setTimeout(MINUTES_5)

t.test(
  'from the package to a call between two browsers, at home behind a router, by README alone',
  needMachine('dpkg-deb', 'nft', 'dnsmasq', 'chromium'),
  async t => {
    const { home, machine } = await setTheScene(t)
    const readme = new Readme(documentation('README.md'))
    const watch = new Stopwatch(t)

    const [install, ask] = readme.commands('Install')
    await watch.step(install!, () => machine.run(install!))
    const first = await watch.step(ask!, () => said(machine, ask!))
    t.match(first, /^✗ the relayed address is private$/m, 'the doctor sees that this is a home')
    t.match(first, /exit 4$/m, 'and cannot reach it by its name yet')

    await watch.step('ports forwarded in the router', () => {
      for (const { protocol, ports } of readme.ports()) home.forward(protocol, ports, MACHINE)
    })
    const [init, ...others] = readme.commands('The next five minutes')
    const [atHome] = readme.commands('The next five minutes', 1)
    const hinted = await said(machine, init!)
    t.match(hinted, /--public-address turn\.example\.org/, 'without it, init says what is missing')
    const byMachine = await said(machine, 'taciturn init --realm raspberrypi --output /tmp/other.json')
    t.match(
      byMachine,
      /--public-address turn\.example\.org/,
      'and proposes no name that only this network knows',
    )
    await watch.step(atHome!, () => machine.run(atHome!))
    const answers = new Map<string, string>()
    for (const line of others) answers.set(line, await watch.step(line, () => said(machine, line)))
    const last = answers.get('taciturn doctor')!
    t.notMatch(last, /^✗|does not route back/m, 'the doctor finds nothing to complain of')
    t.notMatch(last, /exit \d+$/m, 'and ends well')

    const lines = parse(answers.get('taciturn snippet synapse')!)
    const servers = (user: string): IceServers => {
      const { username, password } = credential(lines.turn_shared_secret, user)
      return [{ urls: lines.turn_uris, username, credential: password }]
    }
    const places = { alice: await home.elsewhere(t, 'alice'), bob: await home.elsewhere(t, 'bob') }
    const [alice, bob] = await watch.step('two browsers', () =>
      Promise.all([browserAt(t, places.alice), browserAt(t, places.bob)]),
    )
    const ends = await watch.step('a call', () =>
      callBetween([alice, bob], [servers('@alice:example.org'), servers('@bob:example.org')]),
    )
    for (const { local, remote } of ends) {
      t.match(local, { type: 'relay', address: PUBLIC }, 'the call is relayed')
      t.match(remote, { type: 'relay', address: PUBLIC }, 'at both ends')
    }
    watch.total()

    await t.test('somebody at home is called too, through the router and back in', async t => {
      const carol = await home.guest(t, 'carol', `${NETWORK}.20`)
      const page = await browserAt(t, carol)
      const [atHome] = await callBetween(
        [page, alice],
        [servers('@carol:example.org'), servers('@alice:example.org')],
      )
      t.match(atHome.local, { type: 'relay', address: PUBLIC })
    })

    await t.test(
      'what README shows of the doctor is what it says of relay ports that are closed',
      async t => {
        home.forwardNothing()
        for (const protocol of ['udp', 'tcp'] as const) home.forward(protocol, '3478', MACHINE)
        const found = await doctorAt(t, places.alice, lines)
        const shown = readme.shown('taciturn doctor --from-outside')
        t.ok(shown.length > 5, 'README shows it')
        for (const line of shown) t.ok(found.includes(line), line)

        for (const { protocol, ports } of readme.ports()) home.forward(protocol, ports, MACHINE)
        const good = await doctorAt(t, places.alice, lines)
        t.notOk(good.some(line => line.startsWith('✗')))
      },
    )
  },
)

/** A machine on which nothing is installed, in a home whose router forwards nothing; the name stands for the router. */
async function setTheScene(t: Test): Promise<{ home: Home; machine: Machine }> {
  const folder = mkdtempSync(join(tmpdir(), 'home-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const home = await Home.create(t, folder, { [NAME]: PUBLIC })
  const machine = await Machine.boot(buildPackage(folder))
  t.teardown(() => machine.close())
  await haveNode(machine)
  await machine.run('ip address flush dev lo scope global; echo "127.0.0.1 localhost" > /etc/hosts')
  home.join(machine.network, MACHINE)
  await machine.run(`printf '${RESOLV_CONF}' > /etc/resolv.conf`)
  return { home, machine }
}

/** What the doctor says on somebody's own machine, line by line; addresses and numbers of URIs are those of README. */
async function doctorAt(
  t: Test,
  place: Namespace,
  lines: { readonly turn_uris: readonly string[]; readonly turn_shared_secret: string },
): Promise<readonly string[]> {
  const secret = join(t.testdir({ secret: lines.turn_shared_secret }), 'secret')
  const uris = lines.turn_uris.flatMap(uri => ['--turn-uri', uri])
  const options = [...uris, '--secret-file', secret, '--resolve', `${NAME}=${PUBLIC}`, '--lang', 'en']
  const doctor = place.start(process.execPath, [MAIN, 'doctor', '--from-outside', ...options])
  await doctor.exited
  const said = doctor.stdout.replaceAll(PUBLIC, '203.0.113.7')
  return said.replaceAll('2 of 2 URIs', '3 of 3 URIs').split('\n')
}

/** What a command says; how it ended stands in the last line, where that was not well. */
function said(machine: Machine, command: string): Promise<string> {
  return machine.run(`{ ${command}\n} 2>&1 || echo "exit $?"`)
}

async function browserAt(t: Test, place: Namespace) {
  const { page, stop } = await visitFrom(place, ONE_END_PAGE, RESOLV_CONF)
  t.teardown(stop)
  return page
}

/** What README tells to do. */
class Readme {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  /** The lines of a block of commands under a heading, without comments. */
  commands(heading: string, block = 0): string[] {
    const part = this.#text.split(/^## /m).find(one => one.startsWith(`${heading}\n`)) ?? ''
    const blocks = [...part.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, lines = '']) => lines)
    const lines = (blocks[block] ?? '').split('\n').map(line => line.replace(/\s+#.*$/, ''))
    const commands = lines.filter(line => line !== '')
    if (commands.length === 0) throw new Error(`README has no commands under ${heading}`)
    return commands
  }

  /** What it shows of a command's output. */
  shown(command: string): readonly string[] {
    const blocks = [...this.#text.matchAll(/^```console\n\$ ([^\n]*)\n(.*?)^```$/gms)]
    return (
      blocks
        .find(([, one]) => one?.startsWith(command))?.[2]
        ?.trimEnd()
        .split('\n') ?? []
    )
  }

  /** The ports that it tells to open, but for those of TLS, which needs a certificate. */
  ports(): readonly { readonly protocol: 'udp' | 'tcp'; readonly ports: string }[] {
    const [, client, from, to] =
      /Open these ports to the internet: (\d+) UDP and TCP, .* the relay range, (\d+) to (\d+) UDP/.exec(
        this.#text,
      ) ?? []
    if (!client) throw new Error('README names no ports')
    return [
      { protocol: 'udp', ports: client },
      { protocol: 'tcp', ports: client },
      { protocol: 'udp', ports: `${from}-${to}` },
    ]
  }
}

/** Tells how long each step took. */
class Stopwatch {
  readonly #t: Test
  readonly #since = performance.now()

  constructor(t: Test) {
    this.#t = t
  }

  async step<T>(name: string, run: () => T | Promise<T>): Promise<T> {
    const before = performance.now()
    const result = await run()
    this.#t.comment(`${seconds(performance.now() - before)} ${name}`)
    return result
  }

  total(): void {
    this.#t.comment(`${seconds(performance.now() - this.#since)} from the package to the call`)
  }
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1).padStart(5)} s`
}
