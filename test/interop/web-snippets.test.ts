import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { WEB_SNIPPETS } from '../../src/homeserver/web-snippets.ts'
import { selfSigned } from '../support/certificate.ts'

const HOST = 'turn.example.org'
const lines = (name: string) =>
  WEB_SNIPPETS.find(snippet => snippet.name === name)!.lines({ host: HOST, upstream: '127.0.0.1:9642' })

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'web-snippet-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Runs a check and returns what it says; throws with it where it is not content. */
function check(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    const { stdout, stderr } = error as { readonly stdout: string; readonly stderr: string }
    throw new Error(`${program}: ${stdout}${stderr}`)
  }
}

t.test('U-07: nginx takes the lines of snippet nginx', async t => {
  const folder = folderOf(t)
  const { certificate, key } = selfSigned(folder)
  const site = lines('nginx')
    .replaceAll(`/etc/letsencrypt/live/${HOST}/fullchain.pem`, certificate)
    .replaceAll(`/etc/letsencrypt/live/${HOST}/privkey.pem`, key)
  const config = join(folder, 'nginx.conf')
  writeFileSync(
    config,
    `pid ${folder}/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n${site}}\n`,
  )
  t.doesNotThrow(() => check('nginx', ['-t', '-q', '-p', folder, '-c', config]))
  writeFileSync(config, readFileSync(config, 'utf8').replace('proxy_pass', 'proxy_past'))
  t.throws(() => check('nginx', ['-t', '-q', '-p', folder, '-c', config]), /proxy_past/, 'the check can fail')
})

t.test('U-07: HAProxy takes the lines of snippet haproxy', async t => {
  const folder = folderOf(t)
  const { certificate, key } = selfSigned(folder)
  mkdirSync(join(folder, 'certs'))
  const pem = join(folder, 'certs', `${HOST}.pem`)
  writeFileSync(pem, readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'))
  const config = join(folder, 'haproxy.cfg')
  writeFileSync(config, lines('haproxy').replaceAll(`/etc/haproxy/certs/${HOST}.pem`, pem))
  // A warning is a fault too: operators ask what it means.
  t.doesNotThrow(() => check('haproxy', ['-c', '-dW', '-f', config]))
  writeFileSync(config, readFileSync(config, 'utf8').replace('default_backend', 'default_backhand'))
  t.throws(() => check('haproxy', ['-c', '-f', config]), /default_backhand/, 'the check can fail')
})
