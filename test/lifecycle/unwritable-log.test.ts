import t, { type Test } from 'tap'
import { Child } from '../support/child.ts'
import { need } from '../support/need.ts'
import { freePort } from '../support/ports.ts'
import { MAIN } from '../support/relay.ts'
import { writeConfig } from '../support/settings.ts'

/** Seconds that a relay without calls may take to end. */
const PATIENCE = 20

/*
 * Runs a program with a log that cannot be written. What happened is printed
 * as a line: how it ended, or that it had to be killed.
 */
const TERMINAL = `
import os, pty, signal, sys, time
act, patience, argv = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(argv[0], argv)
text = b''
while b'listens on' not in text or b'settings' not in text:
    text += os.read(terminal, 65536)
os.close(terminal)
if act != 'hangup':
    time.sleep(0.2)
    try: os.kill(pid, signal.SIGTERM)
    except ProcessLookupError: pass
`

const FULL = `
import os, signal, socket, struct, sys, time
patience, port, argv = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
pid = os.fork()
if pid == 0:
    full = os.open('/dev/full', os.O_WRONLY)
    os.dup2(full, 2)
    os.execvp(argv[0], argv)
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asker.settimeout(0.2)
for _ in range(100):
    try:
        asker.sendto(struct.pack('>HHI', 1, 0, 0x2112a442) + bytes(12), ('127.0.0.1', port))
        asker.recv(500)
        break
    except OSError: time.sleep(0.1)
os.kill(pid, signal.SIGTERM)
`

const ENDING = `
end = time.time() + patience
while time.time() < end:
    done, status = os.waitpid(pid, os.WNOHANG)
    if done: print('exit', os.waitstatus_to_exitcode(status)); sys.exit()
    time.sleep(0.02)
os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0); print('still running')
`

for (const [what, act] of [
  ['a closed terminal alone ends a relay that was started in it', 'hangup'],
  ['SIGTERM ends a relay whose terminal has gone', 'term'],
] as const) {
  t.test(`U-01: ${what}`, need('python3'), async t => {
    const { argv } = await relay(t)
    const child = new Child('python3', ['-c', TERMINAL + ENDING, act, String(PATIENCE), ...argv])
    await child.exited
    t.match(child.stdout, /^exit [01]$/m, child.stderr)
  })
}

t.test('U-01: SIGTERM ends a relay whose log is on a full disk', need('python3'), async t => {
  const { argv, port } = await relay(t)
  const child = new Child('python3', ['-c', FULL + ENDING, String(PATIENCE), String(port), ...argv])
  await child.exited
  t.match(child.stdout, /^exit 0$/m, child.stderr)
})

async function relay(t: Test): Promise<{ readonly argv: readonly string[]; readonly port: number }> {
  const port = await freePort()
  const { file } = writeConfig({
    listen: [`udp://127.0.0.1:${port}`],
    metrics: false,
    console: false,
    control: false,
    state: t.testdir({}),
    log: { level: 'trace' },
  })
  return { argv: [process.execPath, MAIN, 'serve', '--config', file], port }
}
