// Builds the addon with a plain C compiler:
//   node scripts/build-native.mjs [--arch x64|arm64|arm|all] [--sanitize] [--out dir] [--if-possible]
//
// With --if-possible it does nothing where the addon is newer than its
// sources, and where there is no compiler says so in one line and succeeds:
// the relay runs without the addon.
//
// One file serves glibc and musl: it links against no C library at all and
// takes what it needs from the one that the node process has.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = resolve(import.meta.dirname, '..')
const SOURCES = join(ROOT, 'native')

const FLAGS = [
  ...['-std=c11', '-D_GNU_SOURCE', '-O2', '-g0', '-fPIC', '-fvisibility=hidden', '-fstack-protector-strong'],
  // Fortified functions exist in glibc only.
  ...['-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=0'],
  ...['-Wall', '-Wextra', '-Werror', '-Wshadow', '-Wvla', '-Wstrict-prototypes'],
]
const LINK = [
  '-shared',
  '-nostdlib',
  '-Wl,--build-id=none',
  '-Wl,-z,now',
  '-Wl,-z,relro',
  '-Wl,-z,noexecstack',
  '-s',
]

const COMPILERS = {
  x64: ['x86_64-linux-gnu-gcc'],
  arm64: ['aarch64-linux-gnu-gcc'],
  // What Raspberry Pi OS calls armhf, and Node.js armv7l.
  arm: ['arm-linux-gnueabihf-gcc', '-march=armv7-a', '-mfpu=vfpv3-d16'],
}

const { values: options } = parseArgs({
  options: {
    arch: { type: 'string', default: process.arch },
    sanitize: { type: 'boolean', default: false },
    out: { type: 'string', default: join(ROOT, 'prebuilds') },
    'if-possible': { type: 'boolean', default: false },
  },
})

if (process.platform !== 'linux') {
  console.error('the addon is for Linux; elsewhere the relay runs on dgram')
  process.exit(0)
}

const headers = findHeaders()
if (options['if-possible']) {
  if (isCurrent(join(options.out, `linux-${process.arch}`, 'taciturn.node'))) process.exit(0)
  if (!headers || !findCompiler(process.arch)) {
    console.error(
      'no C compiler, or no headers of Node.js, for the native UDP transport; going on without it',
    )
    process.exit(0)
  }
}
if (!headers) {
  console.error('found no node_api.h and uv.h; they come with Node.js, or with a package like libnode-dev')
  process.exit(1)
}
const wanted = options.arch === 'all' ? Object.keys(COMPILERS) : [options.arch]
let failed = false
for (const arch of wanted) failed = !build(arch) || failed
if (failed && options['if-possible'])
  console.error('the native UDP transport was not built; going on without it')
process.exit(failed && !options['if-possible'] ? 1 : 0)

function build(arch) {
  const compiler = findCompiler(arch)
  if (!compiler) {
    console.error(`no C compiler for ${arch}: left out`)
    return options.arch === 'all'
  }
  const [command, ...machine] = compiler
  const directory = join(options.out, `linux-${arch}`)
  mkdirSync(directory, { recursive: true })
  const target = join(directory, 'taciturn.node')
  const sources = readdirSync(SOURCES)
    .filter(name => name.endsWith('.c'))
    .sort()
  const args = options.sanitize
    ? [
        ...FLAGS.map(flag => (flag === '-O2' ? '-O1' : flag === '-g0' ? '-g' : flag)),
        '-fsanitize=address,undefined',
        '-shared',
      ]
    : [...FLAGS, ...LINK]
  const libraries = options.sanitize ? [] : ['-lgcc']
  const built = spawnSync(
    command,
    [...machine, ...args, '-I', headers, '-o', target, ...sources, ...libraries],
    {
      cwd: SOURCES,
      stdio: 'inherit',
    },
  )
  // A build that is part of another command (npm start) does not say where its file is (U-37).
  if (built.status === 0 && !options['if-possible']) console.log(target)
  return built.status === 0
}

function isCurrent(target) {
  if (!existsSync(target)) return false
  const built = statSync(target).mtimeMs
  return readdirSync(SOURCES).every(name => statSync(join(SOURCES, name)).mtimeMs <= built)
}

function findCompiler(arch) {
  const candidates = arch === process.arch ? [['cc'], COMPILERS[arch] ?? []] : [COMPILERS[arch] ?? []]
  return candidates.find(([command]) => command && isThere(command))
}

function isThere(command) {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Where the headers of Node-API and libuv are: beside this very node, in the system, or where node-gyp keeps them. */
function findHeaders() {
  const candidates = [
    process.env.NODE_HEADERS ?? '',
    join(dirname(process.execPath), '..', 'include', 'node'),
    '/usr/include/node',
    '/usr/include/nodejs/src',
    '/usr/local/include/node',
    join(homedir(), '.cache', 'node-gyp', process.versions.node, 'include', 'node'),
  ]
  return candidates.find(at => at && existsSync(join(at, 'node_api.h')) && existsSync(join(at, 'uv.h')))
}
