import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { HEAP_FLAG } from '../../src/base/heap.ts'
import { need } from '../support/need.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const PACKAGING = join(ROOT, 'packaging')
/** systemd's own measure, from 0 (nothing to attack) to 10. */
const EXPOSURE = 2.0

/** What a shell would offer after `taciturn cred`. */
const COMPLETIONS = {
  bash: (tree: string) => `
    . ${tree}/usr/share/bash-completion/completions/taciturn
    COMP_WORDS=(taciturn cred) COMP_CWORD=1
    _taciturn_yargs_completions
    printf '%s\\n' "\${COMPREPLY[@]}"`,
  // What the function would show, without an editor to show it in.
  zsh: (tree: string) => `
    compdef() { :; }
    _describe() { print -l -- "\${(@P)2}"; }
    words=(taciturn cred) CURRENT=2
    . ${tree}/usr/share/zsh/vendor-completions/_taciturn
    _taciturn_yargs_completions`,
  fish: (tree: string) => `
    source ${tree}/usr/share/fish/vendor_completions.d/taciturn.fish
    complete --do-complete 'taciturn cred'`,
}

t.setTimeout(300_000)

t.test('the unit is exposed by 2.0 of 10 at most [OPS-19]', need('systemd-analyze'), async t => {
  const unit = join(PACKAGING, 'systemd/taciturn.service')
  const { stdout } = await run('systemd-analyze', 'security', '--offline=true', '--no-pager', unit)
  const exposure = Number(/Overall exposure level for taciturn\.service: ([\d.]+)/.exec(stdout)?.[1])

  t.ok(exposure <= EXPOSURE, `it is ${exposure}`)
})

t.test('the score that the guide names is the score', need('systemd-analyze'), async t => {
  const unit = join(PACKAGING, 'systemd/taciturn.service')
  const { stdout } = await run('systemd-analyze', 'security', '--offline=true', '--no-pager', unit)
  const exposure = /Overall exposure level for taciturn\.service: ([\d.]+)/.exec(stdout)?.[1]

  t.match(
    readFileSync(join(ROOT, 'docs/operating.md'), 'utf8'),
    `\`systemd-analyze security\` gives it ${exposure}`,
  )
})

t.test('systemd understands unit and socket', need('systemd-analyze'), async t => {
  const units = ['taciturn.service', 'taciturn.socket', 'taciturn-kernel.service'].map(name =>
    join(PACKAGING, 'systemd', name),
  )
  const { stderr } = await run('systemd-analyze', 'verify', ...units).catch(error => error)
  const complaints = stderr
    .split('\n')
    // The program and its manual are not installed where this runs.
    .filter(
      (line: string) => line !== '' && !/is not executable: No such file|Command 'man .*' failed/.test(line),
    )

  t.same(complaints, [])
})

t.test('the manual pages are without fault', need('mandoc'), async t => {
  const folder = temporary(t)
  await run(process.execPath, join(PACKAGING, 'man/write.mjs'), folder)
  const pages = ['taciturn.1', 'turnserver.json.5', 'de/taciturn.1', 'de/turnserver.json.5']
  t.same(readdirSync(folder, { recursive: true }).sort(), [...pages, 'de'].sort())
  for (const page of pages) {
    const { stdout } = await run('mandoc', '-Tlint', '-Wwarning', join(folder, page)).catch(error => error)
    t.equal(stdout, '')
  }
  const text = execFileSync('mandoc', ['-Tutf8', join(folder, 'taciturn.1')], { encoding: 'utf8' })
  const plain = text.replaceAll(/.[\b]/g, '')
  const help = execFileSync(process.execPath, [join(ROOT, 'dist/cli/main.js'), '--help'], {
    encoding: 'utf8',
  })
  for (const [, command] of help.matchAll(/^ {2}taciturn (\w[\w-]*)/gm)) {
    t.match(plain, new RegExp(`^ +taciturn ${command}\\b`, 'm'))
  }
  const subsections = (page: string) =>
    readFileSync(join(folder, page), 'utf8').match(/^\.SS "taciturn \S+/gm)
  t.same(subsections('de/taciturn.1'), subsections('taciturn.1'), 'U-21: every command, in German')
  const german = readFileSync(join(folder, 'de/taciturn.1'), 'utf8')
  t.match(german, 'Beendet das Relay')
  t.match(german, '(Vorgabe: ')
  t.notMatch(german, /Exit codes|Examples|See also/)
  for (const page of ['taciturn.1', 'de/taciturn.1']) {
    const left = /\[(Standard|default|boolean|string|array|required|erforderlich)/
    t.notMatch(readFileSync(join(folder, page), 'utf8'), left, `${page} has nothing of yargs`)
  }
})

t.test('in Kubernetes a second pod can start beside the first, and finds it', async t => {
  const { spec } = parse(readFileSync(join(PACKAGING, 'container/kubernetes.yml'), 'utf8'))
  const pod = spec.template.spec
  const [relay] = pod.containers

  t.same(spec.updateStrategy.rollingUpdate, { maxSurge: 1, maxUnavailable: 0 })
  t.equal(pod.hostNetwork, true)
  t.notOk(relay.ports, 'a port would be one of the host, which only one pod can have')
  t.equal(relay.args[1], '--take-over')
  t.match(pod.volumes, [{}, { hostPath: { path: '/var/lib/taciturn' } }])
  t.match(relay.securityContext, { readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } })
})

t.test('the container has no right that the unit has not, and the network of the host', async t => {
  const containerfile = readFileSync(join(PACKAGING, 'container/Containerfile'), 'utf8')
  const { services } = parse(readFileSync(join(PACKAGING, 'container/compose.yml'), 'utf8'), { merge: true })

  t.match(services.taciturn, {
    network_mode: 'host',
    user: '10001:10001',
    read_only: true,
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
    healthcheck: { test: ['CMD', '/usr/bin/taciturn', 'status'] },
  })
  t.match(
    services.taciturn.volumes,
    ['./config:/etc/taciturn:ro'],
    'O-11: a folder, so that renewed files are seen',
  )
  const { profiles, ...next } = services['taciturn-next']
  t.same(next, services.taciturn, 'a second one takes over, and has no other rights')
  t.same(profiles, ['next'], 'and only when it is asked for')
  t.match(containerfile, /^USER 10001:10001$/m)
  t.match(containerfile, /^HEALTHCHECK .* CMD \["\/usr\/bin\/taciturn", "status"\]$/m)
  // What is copied into the image must be there, or be made by its build.
  for (const [, source = ''] of containerfile.matchAll(/(?<=\s)\/src\/(\S+)/g)) {
    t.ok(existsSync(join(ROOT, source)), source)
  }
})

t.test("whatever starts the relay bounds V8's young generation alike", async t => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const unit = readFileSync(join(PACKAGING, 'systemd/taciturn.service'), 'utf8')
  const containerfile = readFileSync(join(PACKAGING, 'container/Containerfile'), 'utf8')

  t.match(scripts.start, `node ${HEAP_FLAG} dist/cli/main.js serve`)
  t.match(unit, `\nEnvironment=NODE_OPTIONS=${HEAP_FLAG}\n`)
  t.match(containerfile, `\nENV NODE_OPTIONS=${HEAP_FLAG} `)
})

t.test('what is released', need('dpkg-deb', 'bash', 'zsh', 'fish'), async t => {
  // Copies in two places: where it is built must make no difference.
  const trees = [temporary(t), temporary(t)] as const
  copyTree(ROOT, trees[0])
  copyTree(trees[0], trees[1])
  const [first, second] = trees.map(tree => join(tree, 'release')) as [string, string]
  for (const tree of trees) await run(process.execPath, join(tree, 'scripts/release.mjs'), '--here')
  const sums = readFileSync(join(first, 'SHA256SUMS'), 'utf8')
  const named = sums.trimEnd().split('\n')
  const files = readdirSync(first).filter(name => name !== 'SHA256SUMS' && name !== 'apt')

  t.test('has the checksums that go with it', async t => {
    t.same(named.map(line => line.split('  ')[1]).sort(), files.sort())
    for (const line of named) {
      const [sum, name = ''] = line.split('  ')
      t.equal(
        createHash('sha256')
          .update(readFileSync(join(first, name)))
          .digest('hex'),
        sum,
        name,
      )
    }
  })

  t.test('is the same every time', async t => {
    t.equal(readFileSync(join(second, 'SHA256SUMS'), 'utf8'), sums)
    for (const name of ['Packages', 'Packages.gz', 'Release']) {
      t.same(readFileSync(join(second, 'apt', name)), readFileSync(join(first, 'apt', name)), name)
    }
  })

  t.test('lists the packages at run time, and not those for development', async t => {
    const name = files.find(file => file.endsWith('.cdx.json')) ?? ''
    const bom = JSON.parse(readFileSync(join(first, name), 'utf8'))
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
    const listed = new Set(bom.components.map((one: { name: string }) => one.name))

    t.match(bom, {
      bomFormat: 'CycloneDX',
      metadata: { component: { name: 'taciturn', type: 'application' } },
    })
    for (const one of Object.keys(dependencies)) t.ok(listed.has(one), one)
    for (const one of Object.keys(devDependencies))
      if (packages[`node_modules/${one}`].dev) t.notOk(listed.has(one), one)
  })

  t.test('holds all that the container is built from', async t => {
    const archive = files.find(file => file.endsWith('-container.tar.gz')) ?? ''
    const folder = temporary(t)
    await run(
      'tar',
      '--extract',
      '--strip-components=1',
      '--directory',
      folder,
      '--file',
      join(first, archive),
    )
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    await run('npm', '--prefix', folder, 'run', '--silent', 'build')
    const { stdout } = await run(process.execPath, join(folder, 'dist/cli/main.js'), '--version')
    t.match(stdout, /^\d+\.\d+\.\d+/)
    t.ok(existsSync(join(folder, 'packaging/container/Containerfile')))
  })

  const tree = join(temporary(t), 'tree')
  const deb = files.find(name => name.endsWith('.deb')) ?? ''
  await run('dpkg-deb', '--extract', join(first, deb), tree)
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    t.test(`completes the commands in ${shell}`, async t => {
      const path = `PATH=${join(tree, 'usr/bin')}:${process.env.PATH}`
      const { stdout } = await run('env', path, shell, '-c', COMPLETIONS[shell](tree))

      t.match(stdout, /^credentials/m)
    })
  }
})

/** Copies what a release is made from. */
function copyTree(from: string, to: string): void {
  for (const name of readdirSync(from)) {
    if ((name.startsWith('.') && name !== '.npmrc') || ['release', 'test'].includes(name)) continue
    if (name === 'node_modules') symlinkSync(join(ROOT, name), join(to, name))
    else cpSync(join(from, name), join(to, name), { recursive: true })
  }
}

function temporary(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'packaging-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Runs a program to its end, without what the test runner tells the programs of a test. */
function run(command: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const { NODE_OPTIONS: _, ...env } = process.env
  const options = { cwd: ROOT, encoding: 'utf8', env: { ...env, SOURCE_DATE_EPOCH: '1700000000' } } as const
  return promisify(execFile)(command, args, options)
}
