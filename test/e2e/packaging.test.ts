import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
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

t.setTimeout(120_000)

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
  const units = ['taciturn.service', 'taciturn.socket'].map(name => join(PACKAGING, 'systemd', name))
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
  const pages = readdirSync(folder).sort()

  t.same(pages, ['taciturn.1', 'turnserver.json.5'])
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
})

t.test('what is released', need('dpkg-deb', 'bash', 'zsh', 'fish'), async t => {
  const folders = [temporary(t), temporary(t)]
  for (const folder of folders) {
    await run(process.execPath, join(ROOT, 'scripts/release.mjs'), '--here', '--out', folder)
  }
  const [first = '', second = ''] = folders
  const sums = readFileSync(join(first, 'SHA256SUMS'), 'utf8')
  const named = sums.trimEnd().split('\n')
  const files = readdirSync(first).filter(name => name !== 'SHA256SUMS')

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

function temporary(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'packaging-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Runs a program to its end, without what the test runner tells the programs of a test. */
function run(command: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const { NODE_OPTIONS: _, ...env } = process.env
  return promisify(execFile)(command, args, { cwd: ROOT, encoding: 'utf8', env })
}
