import { execFileSync, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { need } from '../../support/need.ts'
import { needAddon } from './probe.ts'

// A network namespace needs root, or user namespaces that the system allows.
const NAMESPACE = process.getuid?.() === 0 ? ['-n'] : ['-rn']

t.test('on a link that carries 1,500 octets', needNamespace(), async t => {
  const script = fileURLToPath(new URL('narrow-link.ts', import.meta.url))
  const commands = 'ip link set lo up mtu 1500 && exec "$@"'
  const node = [process.execPath, ...process.execArgv, script]
  const output = execFileSync('unshare', [...NAMESPACE, 'sh', '-c', commands, 'sh', ...node], {
    encoding: 'utf8',
    timeout: 50_000,
  })
  const seen = JSON.parse(output)

  t.test('DF is set on what asks for it, and clear on all else [TURN-IP-04] [TURN-IP-06]', async t => {
    t.strictSame(seen.IPv4.marks, [1, 3, 5])
    t.strictSame(seen.IPv6.marks, [1, 3, 5])
    t.equal(seen.IPv4.tooLong, 2)
    t.equal(seen.IPv6.tooLong, 2)
  })

  t.test('what is too long is told with the MTU, as a router would [TURN-ICMP-04]', async t => {
    const told = { ours: true, type: 3, code: 4, data: 1500 }
    const told6 = { ours: true, type: 2, code: 0, data: 1500 }
    t.strictSame(seen.IPv4.errors, [told, told])
    t.strictSame(seen.IPv6.errors, [told6, told6])
  })

  t.test('what the kernel will not take now is dropped and counted', async t => {
    t.equal(seen.dropSendQueue, 4)
  })
})

function needNamespace(): { skip: string | false } {
  const missing = needAddon().skip || need('unshare', 'ip').skip
  if (missing) return { skip: missing }
  const allowed = spawnSync('unshare', [...NAMESPACE, 'ip', 'link', 'set', 'lo', 'up']).status === 0
  return { skip: !allowed && !process.env.CI && 'this system gives us no network namespace' }
}
