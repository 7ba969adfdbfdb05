// Makes everything that is published of a version, and the checksums of it:
//
//   node scripts/release.mjs [--out FOLDER]     from a clone of the last commit, with modules fetched anew
//   node scripts/release.mjs --here             from this folder as it is built, to have a look
//   … --key KEY                                 signs with this key of GnuPG
//
// The npm package, the Debian package, the folder `apt` (a repository that apt can be pointed at), what a container is
// built from, the Helm chart, the list of all packages inside (SBOM, CycloneDX), NOTES.md out of the changelog, SHA256SUMS, and with a key
// SHA256SUMS.asc. All times in them are that of the commit (SOURCE_DATE_EPOCH), so building the same commit with the same
// Node.js, npm, dpkg and compilers gives the same files.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { writeAptRepository } from './apt-repository.mjs'
import { writeChart, writeContainerContext, writeSbom } from './release-parts.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: join(ROOT, 'release') },
    here: { type: 'boolean', default: false },
    key: { type: 'string' },
  },
})
const out = resolve(options.out)
mkdirSync(out, { recursive: true })
const env = { ...process.env, SOURCE_DATE_EPOCH: process.env.SOURCE_DATE_EPOCH ?? commitTime() }

if (options.here) {
  publish(ROOT, [])
} else {
  const changes = read('git', ['status', '--porcelain'])
  if (changes !== '') {
    console.error(`commit these first, or use --here:\n${changes}`)
    process.exit(1)
  }
  const clone = mkdtempSync(join(tmpdir(), 'taciturn-release-'))
  try {
    run(ROOT, 'git', ['clone', '--quiet', '--no-hardlinks', ROOT, clone])
    run(clone, 'npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'])
    run(clone, 'npm', ['run', '--silent', 'build'])
    run(clone, 'npm', ['run', '--silent', 'build:native'])
    publish(clone, ['--all-addons'])
  } finally {
    rmSync(clone, { recursive: true, force: true })
  }
}

/**
 * @param {string} tree
 * @param {readonly string[]} debOptions
 */
function publish(tree, debOptions) {
  const deb = read('node', ['packaging/deb/build.mjs', '--out', out, ...debOptions], tree).trim()
  const packed = JSON.parse(
    // What `npm pack` would build first is built.
    read('npm', ['pack', '--ignore-scripts', '--silent', '--json', '--pack-destination', out], tree),
  )
  const notes = join(out, 'NOTES.md')
  writeFileSync(notes, notesOf(readFileSync(join(tree, 'CHANGELOG.md'), 'utf8')))
  const date = new Date(Number(env.SOURCE_DATE_EPOCH) * 1000)
  writeAptRepository({ folder: join(out, 'apt'), packages: [deb], date, key: options.key })
  const { version } = packed[0]
  const context = join(out, `taciturn-${version}-container.tar.gz`)
  writeContainerContext({ tree, file: context, date })
  const chart = join(out, `taciturn-${version}-helm.tgz`)
  writeChart({ tree, file: chart, date })
  const sbom = join(out, `taciturn-${version}.cdx.json`)
  writeSbom({ tree, file: sbom, date })
  const files = [deb, join(out, packed[0].filename), context, chart, sbom, notes]
  const sums = files.map(file => `${sha256(file)}  ${basename(file)}\n`)
  writeFileSync(join(out, 'SHA256SUMS'), sums.join(''))
  if (options.key !== undefined) {
    const sign = ['--batch', '--yes', '--local-user', options.key, '--armor', '--detach-sign']
    run(out, 'gpg', [...sign, '--output', 'SHA256SUMS.asc', 'SHA256SUMS'])
  }
  for (const line of sums) process.stdout.write(line)
}

/**
 * The newest section of the changelog.
 * @param {string} changelog
 */
function notesOf(changelog) {
  const [, section = ''] = changelog.split(/^## /m)
  return `## ${section.trimEnd()}\n`
}

function commitTime() {
  return execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: ROOT, encoding: 'utf8' }).trim()
}

/** @param {string} file */
function sha256(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}

/**
 * @param {string} cwd
 * @param {string} command
 * @param {readonly string[]} args
 */
function run(cwd, command, args) {
  execFileSync(command, args, { cwd, env, stdio: ['ignore', 'ignore', 'inherit'] })
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 */
function read(command, args, cwd = ROOT) {
  return execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}
