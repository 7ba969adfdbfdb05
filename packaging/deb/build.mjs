// Builds the Debian package with dpkg-deb. Run after a build:
//
//   node packaging/deb/build.mjs [--out FOLDER] [--all-addons]
//
// The package is for every architecture: it is JavaScript, and holds the native addon for x64, arm64 and arm, some 40 kB
// each, of which the relay loads the one that fits. --all-addons insists on all three, as a release does.
//
// Two builds of one commit are the same to the octet: every time in it is that of the commit (SOURCE_DATE_EPOCH).

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { writeManuals } from '../man/write.mjs'
import { changelog, control, copyright } from './documents.mjs'
import { withLiveLinks } from './links.mjs'
import { copyModule, productionModules } from './modules.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const ADDONS = ['x64', 'arm64', 'arm']
const LIBRARY = 'usr/lib/taciturn'
/** The programs for the kernel, where they were built. */
const KERNEL = 'prebuilds/relay.bpf.json'
const DOCUMENTS = 'usr/share/doc/taciturn'

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: join(ROOT, 'release') },
    'all-addons': { type: 'boolean', default: false },
  },
})
const manifest = JSON.parse(read('package.json'))
const version = manifest.version
const epoch = Number(
  process.env.SOURCE_DATE_EPOCH ??
    execFileSync('git', ['-C', ROOT, 'log', '-1', '--format=%ct'], { encoding: 'utf8' }),
)

const tree = mkdtempSync(join(tmpdir(), 'taciturn-deb-'))
try {
  const file = await build()
  console.log(file)
} finally {
  rmSync(tree, { recursive: true, force: true })
}

async function build() {
  if (!existsSync(join(ROOT, 'dist/cli/main.js'))) throw new Error('nothing is built: run npm run build')
  const missing = ADDONS.filter(arch => !existsSync(join(ROOT, addon(arch))))
  if (options['all-addons'] && missing.length > 0) {
    throw new Error(`no addon for ${missing.join(', ')}: run npm run build:native`)
  }

  putLibrary(ADDONS.filter(arch => !missing.includes(arch)))
  putService()
  await putDocuments()
  const kilobytes = settle(tree)
  putControl(kilobytes)

  const out = resolve(options.out)
  mkdirSync(out, { recursive: true })
  const file = join(out, `taciturn_${version}_all.deb`)
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '-z6', '--threads-max=1', '--build', tree, file], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return file
}

/**
 * The program, and the modules it needs.
 * @param {readonly string[]} addons
 */
function putLibrary(addons) {
  const library = join(tree, LIBRARY)
  cpSync(join(ROOT, 'dist'), join(library, 'dist'), {
    recursive: true,
    filter: file => !/\.(map|d\.ts)$/.test(file),
  })
  const main = join(library, 'dist/cli/main.js')
  // The node that the package depends on, and not what is first in somebody's PATH.
  writeFileSync(main, readFileSync(main, 'utf8').replace(/^#!.*/, '#!/usr/bin/node'))
  for (const name of ['package.json', 'turnserver.schema.json']) put(`${LIBRARY}/${name}`, read(name))
  for (const arch of addons) put(`${LIBRARY}/${addon(arch)}`, readFileSync(join(ROOT, addon(arch))))
  if (existsSync(join(ROOT, KERNEL))) put(`${LIBRARY}/${KERNEL}`, readFileSync(join(ROOT, KERNEL)))
  for (const module of productionModules(ROOT)) copyModule(ROOT, module, library)
  dropEmptyFolders(join(library, 'node_modules'))
  link('usr/bin/taciturn', '../lib/taciturn/dist/cli/main.js')
  link(`${LIBRARY}/turnserver.example.json`, '../../share/doc/taciturn/turnserver.example.json')
}

/** @param {string} folder */
function dropEmptyFolders(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) dropEmptyFolders(join(folder, entry.name))
  }
  if (readdirSync(folder).length === 0) rmdirSync(folder)
}

function putService() {
  const systemd = join(ROOT, 'packaging/systemd')
  for (const unit of ['taciturn.service', 'taciturn.socket', 'taciturn-kernel.service']) {
    put(`usr/lib/systemd/system/${unit}`, readFileSync(join(systemd, unit)))
  }
  put('usr/lib/sysusers.d/taciturn.conf', readFileSync(join(systemd, 'taciturn.sysusers')))
  put('usr/lib/tmpfiles.d/taciturn.conf', readFileSync(join(systemd, 'taciturn.tmpfiles')))
  const completions = join(ROOT, 'packaging/completions')
  put('usr/share/bash-completion/completions/taciturn', completion('bash'))
  put('usr/share/zsh/vendor-completions/_taciturn', completion('zsh'))
  put('usr/share/fish/vendor_completions.d/taciturn.fish', readFileSync(join(completions, 'taciturn.fish')))
}

async function putDocuments() {
  const manuals = join(tree, 'manuals')
  await writeManuals(manuals, epoch)
  for (const name of filesBelow(manuals).filter(file => /\.\d$/.test(file))) {
    const place = join('usr/share/man', dirname(name), `man${name.at(-1)}`, `${basename(name)}.gz`)
    put(place, zip(readFileSync(join(manuals, name))))
  }
  rmSync(manuals, { recursive: true })

  put(`${DOCUMENTS}/copyright`, copyright(productionModules(ROOT)))
  put(`${DOCUMENTS}/changelog.gz`, zip(Buffer.from(changelog(read('CHANGELOG.md'), version, epoch))))
  const documents = [
    ...['README.md', 'SECURITY.md', 'bench/README.md', 'turnserver.example.json'],
    ...['docs', 'deploy'].flatMap(folder => filesBelow(join(ROOT, folder)).map(name => `${folder}/${name}`)),
  ].filter(name => /\.[a-z]+$/.test(name))
  const folders = new Set(documents.flatMap(name => [dirname(name), dirname(dirname(name))]))
  const isThere = (/** @type {string} */ path) => documents.includes(path) || folders.has(path)
  for (const name of documents) {
    const content = readFileSync(join(ROOT, name))
    const isText = name.endsWith('.md')
    put(`${DOCUMENTS}/${name}`, isText ? withLiveLinks(content.toString('utf8'), name, isThere) : content)
  }
  for (const name of filesBelow(join(ROOT, 'packaging/fail2ban')).filter(file => file.endsWith('.conf'))) {
    put(`${DOCUMENTS}/fail2ban/${name}`, read(`packaging/fail2ban/${name}`))
  }
  put('usr/share/lintian/overrides/taciturn', read('packaging/deb/lintian-overrides'))
}

/** @param {number} kilobytes */
function putControl(kilobytes) {
  const sums = filesBelow(tree)
    .filter(file => lstatSync(join(tree, file)).isFile())
    .map(
      file =>
        `${createHash('md5')
          .update(readFileSync(join(tree, file)))
          .digest('hex')}  ${file}\n`,
    )
  put('DEBIAN/control', control(version, kilobytes))
  put('DEBIAN/md5sums', sums.join(''))
  for (const name of ['postinst', 'prerm', 'postrm']) {
    put(`DEBIAN/${name}`, read(`packaging/deb/${name}`))
  }
  settle(tree)
  for (const name of ['postinst', 'prerm', 'postrm']) chmodSync(join(tree, 'DEBIAN', name), 0o755)
}

/**
 * Gives everything the same modes and times wherever it is built; returns how many kilobytes it takes.
 * @param {string} folder
 */
function settle(folder) {
  let octets = 0
  for (const name of ['', ...filesBelow(folder)].reverse()) {
    const file = join(folder, name)
    const stat = lstatSync(file)
    if (!stat.isSymbolicLink()) {
      const isProgram = stat.isDirectory() || name === `${LIBRARY}/dist/cli/main.js`
      chmodSync(file, isProgram ? 0o755 : 0o644)
    }
    octets += stat.isFile() ? Math.ceil(stat.size / 1024) * 1024 : 1024
    lutimesSync(file, epoch, epoch)
  }
  return Math.ceil(octets / 1024)
}

/**
 * @param {string} folder
 * @returns {string[]} everything in it, folders too, in an order that does not depend on the disk
 */
function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
}

/** @param {string} shell */
function completion(shell) {
  const script = execFileSync(process.execPath, [join(ROOT, 'dist/cli/main.js'), 'completion'], {
    encoding: 'utf8',
    env: {
      PATH: process.env.PATH,
      LANG: 'C',
      SHELL: `/bin/${shell}`,
      ...(shell === 'zsh' && { ZSH_NAME: 'zsh' }),
    },
  })
  return script
}

/** @param {string} arch */
function addon(arch) {
  return `prebuilds/linux-${arch}/taciturn.node`
}

/** @param {string} name */
function read(name) {
  return readFileSync(join(ROOT, name), 'utf8')
}

/** @param {Buffer} octets */
function zip(octets) {
  return gzipSync(octets, { level: 9 })
}

/**
 * @param {string} name
 * @param {string | Buffer} content
 */
function put(name, content) {
  const file = join(tree, name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
}

/**
 * @param {string} name
 * @param {string} target
 */
function link(name, target) {
  const file = join(tree, name)
  mkdirSync(dirname(file), { recursive: true })
  symlinkSync(target, file)
}
