// Three files of a release: what the container is built from, the Helm chart, and the list of all packages inside (SBOM).

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What the build in `packaging/container/Containerfile` reads. */
const CONTEXT = [
  '.npmrc',
  'LICENSE',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'tsconfig.console.json',
  'turnserver.example.json',
  'turnserver.schema.json',
  'bpf',
  'native',
  'packaging/container/Containerfile',
  'packaging/container/Containerfile.dockerignore',
  'packaging/container/compose.yml',
  'scripts',
  'src',
]

/**
 * Writes the sources as the archive that `podman build` is run in. The same sources give the same octets.
 * @param {{ readonly tree: string, readonly file: string, readonly date: Date }} options
 */
export function writeContainerContext({ tree, file, date }) {
  const { version } = manifestOf(tree)
  archive({ folder: tree, names: CONTEXT, file, date, within: `taciturn-${version}-container/` })
}

/**
 * Writes the chart with the version of the relay, as `helm package` would. The same sources give the same octets.
 * @param {{ readonly tree: string, readonly file: string, readonly date: Date }} options
 */
export function writeChart({ tree, file, date }) {
  const { version } = manifestOf(tree)
  const folder = mkdtempSync(join(tmpdir(), 'taciturn-chart-'))
  try {
    const chart = join(folder, 'taciturn')
    cpSync(join(tree, 'packaging/helm/taciturn'), chart, { recursive: true })
    const about = join(chart, 'Chart.yaml')
    writeFileSync(
      about,
      readFileSync(about, 'utf8').replaceAll(/^(version|appVersion): .*$/gm, `$1: ${version}`),
    )
    archive({ folder, names: ['taciturn'], file, date, within: '' })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * @param {{ readonly folder: string, readonly names: readonly string[], readonly file: string, readonly date: Date,
 *   readonly within: string }} options
 */
function archive({ folder, names, file, date, within }) {
  const uniform = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mode=u=rwX,go=rX']
  const times = [`--mtime=@${Math.floor(date.getTime() / 1000)}`, '--format=ustar']
  const moved = within === '' ? [] : [`--transform=s,^,${within},`]
  const packed = ['--use-compress-program=gzip -n9', `--file=${file}`]
  execFileSync('tar', ['--create', ...uniform, ...times, ...moved, ...packed, '--', ...names], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

/**
 * Writes what the lock file says of the packages at run time, as CycloneDX. npm makes up an identity and a time for
 * each such list; here they come from what is in it and from the commit.
 * @param {{ readonly tree: string, readonly file: string, readonly date: Date }} options
 */
export function writeSbom({ tree, file, date }) {
  const { name } = manifestOf(tree)
  const options = ['--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only']
  const most = 64 << 20
  const bom = JSON.parse(
    execFileSync('npm', ['sbom', ...options], { cwd: tree, encoding: 'utf8', maxBuffer: most }),
  )
  leaveOutDevelopment(bom, JSON.parse(readFileSync(join(tree, 'package-lock.json'), 'utf8')))
  // npm takes the name of the folder.
  bom.metadata.component.name = name
  bom.metadata.timestamp = date.toISOString()
  delete bom.serialNumber
  const id = createHash('sha256').update(JSON.stringify(bom)).digest('hex')
  // A version 8 UUID (RFC 9562 §5.8): its bits are whatever made it.
  const uuid = `${id.slice(0, 8)}-${id.slice(8, 12)}-8${id.slice(13, 16)}-a${id.slice(17, 20)}-${id.slice(20, 32)}`
  const { $schema, bomFormat, specVersion, ...rest } = bom
  const written = { $schema, bomFormat, specVersion, serialNumber: `urn:uuid:${uuid}`, ...rest }
  writeFileSync(file, `${JSON.stringify(written, null, 2)}\n`)
}

/** `npm sbom --omit=dev` omits what we need ourselves, too, where a package for development needs it as well. */
function leaveOutDevelopment(bom, { packages }) {
  const needed = new Set()
  for (const [path, { version, dev }] of Object.entries(packages))
    if (!dev) needed.add(`${path.split('node_modules/').at(-1)}@${version}`)
  bom.components = bom.components.filter(({ name, version }) => needed.has(`${name}@${version}`))
  const kept = new Set([bom.metadata.component['bom-ref'], ...bom.components.map(one => one['bom-ref'])])
  bom.dependencies = bom.dependencies
    .filter(({ ref }) => kept.has(ref))
    .map(one => ({ ...one, dependsOn: one.dependsOn.filter(ref => kept.has(ref)) }))
}

/** @param {string} tree @returns {{ readonly name: string, readonly version: string }} */
function manifestOf(tree) {
  return JSON.parse(readFileSync(join(tree, 'package.json'), 'utf8'))
}
