// Lets real clients talk over the relay, both ends on it, and fails where one has a gap.
//
//   npm run sessions -- --minutes 11     past every lifetime there is: permissions (5 minutes), channels and allocations (10)
//   npm run sessions -- --seconds 20     a look whether they work at all
//
// Installs aiortc, werift and libjuice (in node-datachannel) from their registries and builds a client on pion/turn, in
// --folder FOLDER (.sessions); what is there already is used. Needs python3 with venv, npm and Go 1.24 or newer.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const PYTHON = ['aiortc==1.16.0', 'aioice==0.13.0']
const NODE = ['werift@0.24.4', 'node-datachannel@0.33.4']
const PION = join(root, 'test/sessions/pion')

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    seconds: { type: 'string' },
    folder: { type: 'string', default: join(root, '.sessions') },
  },
})
const seconds = values.seconds === undefined ? Number(values.minutes ?? 11) * 60 : Number(values.seconds)
if (!(seconds > 0)) throw new Error('say for how long: --minutes or --seconds')
const folder = resolve(values.folder)
install()
const { status } = spawnSync(
  'npx',
  ['tap', '--disable-coverage', `--timeout=${seconds + 180}`, 'test/sessions/sessions.test.ts'],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, SESSION_SECONDS: `${seconds}`, SESSION_CLIENTS: folder },
  },
)
process.exitCode = status ?? 1

/** Fills the folder with the clients of these versions, unless it holds them. */
function install() {
  const stamp = join(folder, 'versions')
  const versions = [...PYTHON, ...NODE, readFileSync(join(PION, 'go.sum'), 'utf8')].join('\n')
  const isThere = existsSync(stamp) && readFileSync(stamp, 'utf8') === versions
  if (!isThere) {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(join(folder, 'node'), { recursive: true })
    run('python3', ['-m', 'venv', join(folder, 'python')])
    run(join(folder, 'python/bin/pip'), ['install', '--quiet', '--disable-pip-version-check', ...PYTHON])
    writeFileSync(join(folder, 'node/package.json'), '{"private":true}\n')
    run('npm', [
      'install',
      '--silent',
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      '--prefix',
      join(folder, 'node'),
      ...NODE,
    ])
    writeFileSync(stamp, versions)
  }
  // Go knows by itself what has changed.
  run('go', ['build', '-o', join(folder, 'pion'), '.'], PION)
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {string} [cwd]
 */
function run(command, args, cwd = root) {
  execFileSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
}
