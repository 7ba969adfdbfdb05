import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { need } from '../../support/need.ts'

const NATIVE = fileURLToPath(new URL('../../../native/', import.meta.url))
const SOURCES = ['address', 'errqueue', 'notify', 'pace', 'pump', 'receive', 'routes', 'send', 'socket']
const COMMON = ['-std=c11', '-D_GNU_SOURCE', '-g', '-Wall', '-Wextra', '-Werror', `-I${NATIVE}`]
const SANITIZE = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']
const WRAP = '-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc'

t.test('the C code keeps to its memory and takes none after the start', sanitizers(), async t => {
  const check = build(t.testdir({}), SANITIZE)

  const { status, stderr } = spawnSync(check, { encoding: 'utf8' })

  t.equal(stderr, '')
  t.equal(status, 0)
})

t.test('valgrind finds nothing in the C code', linux('cc', 'valgrind'), async t => {
  const check = build(t.testdir({}), ['-O1'])

  const { status, stderr } = spawnSync('valgrind', ['-q', '--error-exitcode=9', '--leak-check=full', check], {
    encoding: 'utf8',
  })

  t.equal(stderr, '')
  t.equal(status, 0)
})

/** Compiles what knows nothing of Node.js into a program. */
function build(directory: string, flags: readonly string[]): string {
  const output = join(directory, 'check')
  const files = ['check/check', ...SOURCES].map(name => join(NATIVE, `${name}.c`))
  execFileSync('cc', [...COMMON, ...flags, WRAP, ...files, '-o', output], { stdio: 'inherit' })
  return output
}

function sanitizers(): { skip: string | false } {
  const { skip } = linux('cc')
  if (skip) return { skip }
  const input = 'int main(void) { return 0; }'
  const probe = spawnSync('cc', [...SANITIZE, '-x', 'c', '-', '-o', '/dev/null'], { input })
  return { skip: probe.status !== 0 && !process.env.CI && 'this compiler has no sanitizers' }
}

function linux(...commands: string[]): { skip: string | false } {
  return process.platform === 'linux' ? need(...commands) : { skip: 'the addon is for Linux' }
}
