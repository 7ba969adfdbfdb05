import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { notifyManager } from '../../../src/system/native-notify.ts'
import { need } from '../../support/need.ts'
import { needAddon } from './probe.ts'

/** Binds a datagram socket at a path, says so, and prints what arrives. */
const MANAGER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', '\\0', 1))
print('bound', flush=True)
print(s.recv(4096).decode(), flush=True)
`

const { skip } = needAddon()

for (const kind of ['path', 'abstract name']) {
  t.test(`S-29: the service manager is told at a ${kind}`, skip ? { skip } : need('python3'), async t => {
    // A socket's path holds 107 bytes, so it must not begin with the folder of the checkout.
    const folder = mkdtempSync(join(tmpdir(), 'notify-'))
    const at = kind === 'path' ? join(folder, 'notify') : `@taciturn-test-${process.pid}`
    const manager = spawn('python3', ['-c', MANAGER, at])
    t.teardown(() => {
      manager.kill()
      rmSync(folder, { recursive: true })
    })
    let output = ''
    let errors = ''
    manager.stdout.on('data', data => {
      output += data
    })
    manager.stderr.on('data', data => {
      errors += data
    })
    const closed = once(manager, 'close')
    await Promise.race([once(manager.stdout, 'data'), closed])
    t.equal(errors, '')
    if (manager.exitCode !== null) return

    t.equal(notifyManager(at, 'READY=1\nSTATUS=relaying'), undefined)
    await closed

    t.equal(output, 'bound\nREADY=1\nSTATUS=relaying\n')
  })
}

t.test('why it cannot be told is said, not thrown', { skip }, async t => {
  t.equal(notifyManager('/nowhere/notify', 'READY=1'), 'ENOENT')
  t.equal(notifyManager('vsock:2:1', 'READY=1'), 'EINVAL')
  t.equal(notifyManager(`/${'x'.repeat(120)}`, 'READY=1'), 'ENAMETOOLONG')
})
