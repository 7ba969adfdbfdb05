import { execFile } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { mailbox } from '../support/mailbox.ts'
import { postOffice } from '../support/post-office.ts'
import { MAIN, startRelay } from '../support/relay.ts'

t.setTimeout(300_000)

t.test('a running relay tells people what is wrong with it, and that it is over', async t => {
  const heard: (() => void)[] = []
  const { url, got } = await postOffice(t, () => {
    for (const wake of heard.splice(0)) wake()
    return [200]
  })
  /** Resolves when the chat has heard that the reload is so. */
  const told = async (state: string) => {
    const isTold = () =>
      got.some(({ body }) =>
        (body.findings as { id: string; state: string }[]).some(
          one => one.id === 'reload' && one.state === state,
        ),
      )
    while (!isTold()) await new Promise<void>(resolve => heard.push(resolve))
  }
  const { port, letters } = await mailbox(t, { login: ['turn', 'a password'] })
  const relay = await startRelay({
    settings: {
      notify: {
        after: '0s',
        webhooks: [{ urlFile: 'hook' }],
        email: {
          server: `smtp://127.0.0.1:${port}`,
          user: 'turn',
          password: 'a password',
          from: 'turn@example.org',
          to: ['admin@example.org'],
        },
      },
    },
    before: folder => writeFileSync(join(folder, 'hook'), `${url}/hush\n`, { mode: 0o600 }),
  })
  t.teardown(() => relay.stop())
  const taciturn = (...args: string[]) =>
    new Promise<{ code: number; output: string }>(resolve => {
      execFile(process.execPath, [MAIN, ...args, '--config', relay.config!], (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, output: stdout + stderr }),
      )
    })

  t.same(await taciturn('notify', '--test'), { code: 0, output: 'webhook 1: sent\nemail: sent\n' })
  t.match(letters, [{ to: ['admin@example.org'], text: /^Subject: turn\.example\.org: test message$/m }])

  const config = readFileSync(relay.config!, 'utf8')
  writeFileSync(relay.config!, config.replace('"realm"', '"relm"'))
  t.equal((await taciturn('reload')).code, 3)
  await told('begun')
  await relay.child.says(/"way":"webhook 1","conditions":\[[^\]]*"reload"/)
  // It is written in the background.
  const kept = join(relay.folder, 'notified.json')
  while (!existsSync(kept) || !readFileSync(kept, 'utf8').includes('"key":"reload"')) await pause(20)
  t.equal(statSync(kept).mode & 0o777, 0o600)

  writeFileSync(relay.config!, config)
  t.equal((await taciturn('reload')).code, 0)
  await told('over')
  t.notMatch(relay.child.output, /hush|a password/, 'the log names no secret')
})
