// Writes an apt repository, a folder of plain files that any web server can serve, around Debian packages.
//
// Signed with a key, apt takes upgrades from it; Release and Packages.gz have no time of their own, so the same packages
// give the same files.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** The fields of a package that an index has beside those of its control file. */
const HASHES = /** @type {const} */ ([
  ['MD5sum', 'md5'],
  ['SHA256', 'sha256'],
])

/**
 * @param {object} asked
 * @param {string} asked.folder where to write it; what is there goes away
 * @param {readonly string[]} asked.packages paths of .deb files
 * @param {Date} asked.date
 * @param {string | undefined} asked.key the GnuPG key to sign with; unsigned without
 */
export function writeAptRepository({ folder, packages, date, key }) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const file of packages) copyFileSync(file, join(folder, basename(file)))
  const index = packages.map(file => entryOf(file)).join('\n')
  writeFileSync(join(folder, 'Packages'), index)
  writeFileSync(join(folder, 'Packages.gz'), gzipSync(index, { level: 9 }))
  const release = join(folder, 'Release')
  writeFileSync(release, releaseOf(folder, date))
  if (key === undefined) return
  const sign = ['--batch', '--yes', '--local-user', key, '--digest-algo', 'SHA256']
  gpg(...sign, '--clearsign', '--output', join(folder, 'InRelease'), release)
  gpg(...sign, '--armor', '--detach-sign', '--output', join(folder, 'Release.gpg'), release)
  // Not armoured: apt reads it as it is in /etc/apt/keyrings.
  gpg('--batch', '--yes', '--output', join(folder, 'taciturn.gpg'), '--export', key)
}

/** @param {string} file */
function entryOf(file) {
  const control = execFileSync('dpkg-deb', ['--field', file], { encoding: 'utf8' }).trimEnd()
  const bytes = readFileSync(file)
  const sums = HASHES.map(
    ([name, algorithm]) => `${name}: ${createHash(algorithm).update(bytes).digest('hex')}`,
  )
  return `${[control, `Filename: ./${basename(file)}`, `Size: ${bytes.length}`, ...sums].join('\n')}\n`
}

/**
 * @param {string} folder
 * @param {Date} date
 */
function releaseOf(folder, date) {
  const files = ['Packages', 'Packages.gz'].map(name => {
    const path = join(folder, name)
    const sum = createHash('sha256').update(readFileSync(path)).digest('hex')
    return ` ${sum} ${statSync(path).size} ${name}`
  })
  const head = ['Origin: taciturn', 'Label: taciturn', 'Suite: stable', 'Architectures: all']
  return `${[...head, `Date: ${date.toUTCString()}`, 'SHA256:', ...files].join('\n')}\n`
}

/** @param {...string} args */
function gpg(...args) {
  execFileSync('gpg', args, { stdio: ['ignore', 'ignore', 'inherit'] })
}
