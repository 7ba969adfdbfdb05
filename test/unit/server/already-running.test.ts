import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { load } from '../../../src/config/load.ts'
import { otherInstance } from '../../../src/process/already-running.ts'
import { writeConfig } from '../../support/settings.ts'

const STATUS = {
  process: { pid: 4711 },
  started: Date.UTC(2026, 10, 30, 9, 5),
  listening: ['udp://0.0.0.0:3478'],
}

t.test('U-13: who has the port is asked at the control socket', async t => {
  const { loaded } = await beside(t, STATUS)
  t.match(await otherInstance(loaded, {}, '/'), {
    name: 'StartError',
    exitCode: 1,
    message: /^taciturn is already running here \(pid 4711, since .*2026.*\d\d:05:00 \S+\): taciturn status$/,
  })
})

for (const [what, answer] of [
  ['a relay with other listeners', { ...STATUS, listening: ['udp://127.0.0.1:3479', 'nonsense'] }],
  ['a relay that does not tell its number', { ...STATUS, process: {} }],
  ['another program', 'hello'],
  ['a program that hangs up', undefined],
] as const) {
  t.test(`U-13: ${what} at the control socket is not this relay`, async t => {
    const { loaded, asked } = await beside(t, answer)
    t.equal(await otherInstance(loaded, {}, '/'), undefined)
    t.ok(asked() > 0)
  })
}

t.test('U-13: nobody is asked where there is no control socket', async t => {
  const { loaded, asked } = await beside(t, STATUS, false)
  t.equal(await otherInstance(loaded, {}, '/'), undefined)
  t.equal(asked(), 0)
})

/** A configuration, and beside it a control socket that answers as told. */
async function beside(t: Test, answer: unknown, control?: false) {
  // A socket's path has to be short.
  const folder = mkdtempSync(join(tmpdir(), 'taciturn-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'control.sock')
  let asked = 0
  const server = createServer((_, response) => {
    asked++
    if (answer === undefined) response.destroy()
    else response.end(typeof answer === 'string' ? answer : JSON.stringify(answer))
  })
  await new Promise<void>(resolve => server.listen(path, resolve))
  t.teardown(() => server.close())
  const { file, folder: cwd } = writeConfig({ listen: ['udp://127.0.0.1:3478'], control: control ?? path })
  return { loaded: load({ path: file, env: {}, cwd }), asked: () => asked }
}
