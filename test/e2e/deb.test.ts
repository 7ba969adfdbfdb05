import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import t, { type Test } from 'tap'
import { buildPackage, documentation, haveNode } from '../support/deb.ts'
import { Machine, needMachine } from '../support/machine.ts'
import { tallyOf, uclient } from '../support/turnutils.ts'

/*
 * The Debian package, on a machine without the repository: installed with the
 * commands of docs/operating.md, run by the unit under systemd, used for calls,
 * reloaded, upgraded, removed and purged.
 */

const ROOT = join(import.meta.dirname, '..', '..')
const ADDRESS = '203.0.113.7'
const CONFIG = '/etc/taciturn/turnserver.json'
/** What "under two minutes" is. */
const TWO_MINUTES = 120_000

/** Sends Binding requests while the relay is restarted; prints how many, how many had no answer, and the longest wait. */
const ASKING = `
import json, select, socket, struct, subprocess, time
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sent, waited = [], {}
restart, last = None, None
while True:
    now = time.monotonic()
    if last is None or now < last:
        sent.append(now)
        asking.sendto(struct.pack("!HHIIII", 1, 0, 0x2112A442, 0, 0, len(sent) - 1), ("${ADDRESS}", 3478))
    elif len(waited) == len(sent) or now > last + 5:
        break
    while select.select([asking], [], [], 0.04)[0]:
        number = struct.unpack("!I", asking.recv(1500)[16:20])[0]
        waited.setdefault(number, time.monotonic() - sent[number])
    if restart is None and len(sent) == 10:
        restart = subprocess.Popen(["systemctl", "restart", "taciturn"])
    if last is None and restart is not None and restart.poll() is not None:
        last = now + 0.4
print(json.dumps([len(sent), len(sent) - len(waited), max(waited.values())]))
`

/** Every file that is named after the relay. */
const FIND =
  'find / -xdev -name "*taciturn*" -not -path "/root/*" -not -path "/etc/letsencrypt/*" -not -path "/proc/*" | sort'

t.setTimeout(480_000)

t.test('the Debian package', needMachine('dpkg-deb', 'turnutils_uclient', 'openssl'), async t => {
  const folder = mkdtempSync(join(tmpdir(), 'deb-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const deb = buildPackage(folder)
  const machine = await Machine.boot(deb)
  t.teardown(() => machine.close())
  await haveNode(machine)
  // Other checkouts of this project may lie about on the machine that lends its files.
  const lying = await machine.run(FIND)

  await t.test('the commands of docs/operating.md lead to a credential in two minutes', async t => {
    const before = performance.now()
    const said = await machine.run(commandsOf('install'))
    const took = performance.now() - before

    t.ok(took < TWO_MINUTES, `it took ${(took / 1000).toFixed(1)} s`)
    t.match(said, /serving/, 'the relay says that it serves')
    t.match(said, /^username +\d+:@alice:example\.org$/m)
    t.match(said, /^password +\S+$/m)
    t.match(said, /^uri +turn:turn\.example\.org:3478\?transport=udp$/m)
    t.equal(await machine.run('systemctl is-active taciturn'), 'active\n')
    t.match(await machine.run('ls /root'), /taciturn_/, 'and the machine has the package')
    t.equal(await machine.run(`ls -A ${ROOT} 2>/dev/null || true`), '', 'but not the repository')
  })

  await t.test('the relay has no right that others have not [OPS-19]', async t => {
    const status = machine.status(await mainPid(machine))
    const line = (name: string) => status.match(new RegExp(`^${name}:\\s+(.*)$`, 'm'))?.[1]

    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
      t.match(line(set), /^0+$/, `${set} is empty`)
    }
    t.equal(line('NoNewPrivs'), '1')
    t.equal(line('Seccomp'), '2', 'system calls are filtered')
    const owner = (await machine.run('id -u taciturn')).trim()
    t.same(line('Uid')?.split('\t'), [owner, owner, owner, owner])
    const privileged = await machine.run(`journalctl --unit taciturn --no-pager --output cat`)
    t.notMatch(privileged, /running as root|running with capabilities/)
  })

  await t.test('secrets are for the relay alone', async t => {
    t.equal(await machine.run(`stat -c '%a %U %G' ${CONFIG}`), '640 root taciturn\n')
    t.equal(await machine.run('stat -c %a /etc/taciturn /var/lib/taciturn'), '750\n700\n')
    await t.rejects(machine.run(`setpriv --reuid nobody --clear-groups cat ${CONFIG}`))
    await t.rejects(
      machine.run(`setpriv --reuid taciturn --regid taciturn --clear-groups sh -c ': >> ${CONFIG}'`),
    )
  })

  await t.test('a credential relays a call, and a reload does not disturb it', async t => {
    const { username, password } = JSON.parse(
      await machine.run('taciturn credentials --user @alice:example.org --json'),
    )
    const call = machine.start('turnutils_uclient', ...client(username, password, 60))
    await call.says(/start_mclient: .*tot_recv_msgs=[1-9]/)

    await machine.run(`sed -i 's/"level": "info"/"level": "debug"/' ${CONFIG}; systemctl reload taciturn`)
    await call.exited

    const { sent, lost } = tallyOf(call)
    t.ok(sent >= 60)
    t.equal(lost, 0)
    // A reload goes on after systemctl has sent the signal, in steps between which packets are relayed.
    const reloaded = "journalctl --sync; journalctl --identifier taciturn | grep -q 'configuration reloaded'"
    await machine.run(`timeout 30 sh -c "until { ${reloaded}; }; do sleep 0.1; done"`)
    t.match(await journal(machine), /configuration reloaded/)
  })

  await t.test('a call goes on when the relay is restarted', async t => {
    const { username, password } = JSON.parse(
      await machine.run('taciturn credentials --user @alice:example.org --json'),
    )
    const before = await mainPid(machine)
    const slowly = ['-z', '150']
    const call = machine.start('turnutils_uclient', ...slowly, ...client(username, password, 60))
    await call.says(/start_mclient: .*tot_recv_msgs=[1-9]/)

    await machine.run('systemctl restart taciturn')
    await call.exited

    t.equal(tallyOf(call).lost, 0)
    t.not(await mainPid(machine), before)
    t.match(await journal(machine), /took calls up/)
    const stored = await machine.run('systemctl show --property NFileDescriptorStore --value taciturn')
    t.equal(stored, '1\n', 'nothing but the journal of the new process')
  })

  for (const [i, signal] of ['KILL', 'ABRT'].entries()) {
    await t.test(`a call goes on when the relay ends by SIG${signal}`, async t => {
      const { username, password } = JSON.parse(
        await machine.run('taciturn credentials --user @alice:example.org --json'),
      )
      const before = await mainPid(machine)
      const call = machine.start('turnutils_uclient', '-z', '100', ...client(username, password, 200))
      await call.says(/start_mclient: .*tot_recv_msgs=[1-9]/)
      const lines = "journalctl --sync; journalctl --identifier taciturn | grep 'took up the calls'"
      const began = performance.now()
      await machine.run(`
        kill -${signal} ${before}
        timeout 30 sh -c "until { ${lines} | sed -n ${i + 1}p | grep -q .; }; do sleep 0.05; done"
      `)
      t.comment(`taken up within ${Math.round(performance.now() - began)} ms`)
      await call.exited

      const { received, lost } = tallyOf(call)
      t.comment(`${received} messages arrived, one each tenth of a second, and ${lost} were lost`)
      t.ok(received > lost, 'most of the call was heard')
      t.not(await mainPid(machine), before)
      t.notMatch(await journal(machine), /took up the calls of a process.*callsLost[":= ]+[1-9]/)
      const stored = await machine.run('systemctl show --property NFileDescriptorStore --value taciturn')
      t.equal(stored, '1\n')
    })
  }

  await t.test('a reload of a broken file fails and says where', async t => {
    await machine.run(`cp -p ${CONFIG} /root/good.json; echo '{ "realm": 7 }' > ${CONFIG}`)
    await t.rejects(machine.run('systemctl reload taciturn'))
    t.match(await journal(machine), /turnserver\.json:1:\d+/)
    t.equal(await machine.run('systemctl is-active taciturn'), 'active\n', 'the relay goes on')
    await machine.run(`cp -p /root/good.json ${CONFIG}; systemctl reload taciturn`)
  })

  await t.test('a relay that hangs is replaced by the watchdog [OPS-11]', async t => {
    await machine.run(`
      mkdir -p /run/systemd/system/taciturn.service.d
      printf '[Service]\\nWatchdogSec=2\\n' > /run/systemd/system/taciturn.service.d/test.conf
      systemctl daemon-reload
      systemctl restart taciturn
    `)
    const before = await mainPid(machine)
    await machine.run(`kill -STOP ${before}`)

    await machine.run(`
      for i in $(seq 150); do
        [ "$(systemctl show -P NRestarts taciturn)" = 1 ] && systemctl is-active --quiet taciturn && exit
        sleep 0.1
      done
      exit 1
    `)

    t.not(await mainPid(machine), before)
    t.match(await journal(machine, 'systemctl'), /Watchdog timeout/)
    await calls(t, machine)
    await machine.run('rm -r /run/systemd/system/taciturn.service.d; systemctl daemon-reload')
  })

  await t.test('port 443 works without a capability, by socket activation [OPS-19]', async t => {
    await machine.run(`
      ${commandsOf('certbot')}
      live=/etc/letsencrypt/live/turn.example.org
      mkdir -p $live
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
        -subj /CN=turn.example.org -keyout $live/privkey.pem -out $live/fullchain.pem 2>/dev/null
      /etc/letsencrypt/renewal-hooks/deploy/taciturn
      sed -i 's#^{#{ "listen": ["udp://0.0.0.0:3478", "tcp://0.0.0.0:3478", "tls://0.0.0.0:443", "tls://[::]:443"],\\
        "tls": { "certificate": "/etc/taciturn/fullchain.pem", "key": "/etc/taciturn/privkey.pem" },#' ${CONFIG}
      systemctl stop taciturn
      systemctl enable --now taciturn.socket
      systemctl start taciturn
    `)
    t.match(await journal(machine), /tls:\/\/0\.0\.0\.0:443/)
    t.match(
      await machine.run(`openssl s_client -brief -connect ${ADDRESS}:443 </dev/null 2>&1`),
      /CONNECTION ESTABLISHED/,
    )
    t.match(machine.status(await mainPid(machine)), /^CapEff:\s+0+$/m)
    await machine.run('systemctl disable --now taciturn.socket; systemctl stop taciturn')
    await t.rejects(machine.run('systemctl start taciturn'), 'and without it, it does not')
    t.match(await journal(machine), /taciturn\.socket/, 'and says what to do')
    await machine.run(
      `cp -p /root/good.json ${CONFIG}; systemctl reset-failed taciturn; systemctl start taciturn`,
    )
  })

  await t.test(
    'a restart loses no request that came meanwhile, where systemd has the socket [OPS-22]',
    async t => {
      await machine.run(`
      mkdir -p /run/systemd/system/taciturn.socket.d
      printf '[Socket]\\nListenStream=\\nListenDatagram=${ADDRESS}:3478\\n' > /run/systemd/system/taciturn.socket.d/test.conf
      systemctl daemon-reload
      sed -i 's#^{#{ "listen": ["udp://${ADDRESS}:3478"],#' ${CONFIG}
      systemctl stop taciturn
      systemctl start taciturn.socket taciturn
    `)
      const [sent, unanswered, longest] = JSON.parse(await machine.run(`python3 -c '${ASKING}'`))

      t.ok(sent >= 20, `${sent} requests were sent, 25 a second`)
      t.equal(unanswered, 0, `and answered, after ${longest.toFixed(1)} s at most`)
      await machine.run(`
      rm -r /run/systemd/system/taciturn.socket.d
      systemctl stop taciturn.socket taciturn
      systemctl daemon-reload
      cp -p /root/good.json ${CONFIG}
      systemctl start taciturn
    `)
    },
  )

  await t.test('an upgrade after a drain keeps the configuration, and the relay runs again', async t => {
    const before = await machine.run(`sha256sum ${CONFIG}`)
    const pid = await mainPid(machine)
    await machine.run(`${commandsOf('drain')}\n! systemctl is-failed taciturn`)
    await machine.run('dpkg --install taciturn_*_all.deb')

    t.equal(await machine.run(`sha256sum ${CONFIG}`), before)
    t.not(await mainPid(machine), pid, 'the new version runs')
    await calls(t, machine)
  })

  await t.test('after removal the ports are free and the configuration is there', async t => {
    const files = (await machine.run('dpkg --listfiles taciturn')).trim().split('\n')
    await machine.run('apt-get remove --yes taciturn')

    t.equal(await machine.run("ss -Hlntu 'sport = :3478'"), '')
    await machine.run(`test -f ${CONFIG}`)
    const left = await machine.run(
      `for f in ${files.join(' ')}; do [ -d $f ] || [ ! -e $f ] || echo $f; done`,
    )
    t.equal(left, '', 'no file of the package is left')
  })

  await t.test('after a purge nothing is left but the user', async t => {
    await machine.run('apt-get purge --yes taciturn')

    t.equal(await machine.run(FIND), lying)
    t.match(await machine.run('getent passwd taciturn'), /nologin$/m)
  })
})

/** A call between two clients of the relay, with a credential that the relay's machine has issued. */
async function calls(t: Test, machine: Machine): Promise<void> {
  const issued = await machine.run('taciturn credentials --user @alice:example.org --json')
  const { username, password } = JSON.parse(issued)
  const start = machine.start.bind(machine)
  const { lost, received } = await uclient(client(username, password, 10), start)
  t.equal(lost, 0, 'a call is relayed')
  t.ok(received > 0)
}

/** Two clients that call each other over Send indications. */
function client(username: string, password: string, messages: number): string[] {
  return ['-y', '-s', '-c', '-m', '1', '-n', `${messages}`, '-u', username, '-w', password, ADDRESS]
}

function journal(machine: Machine, what = 'taciturn'): Promise<string> {
  const unit = what === 'taciturn' ? '--identifier taciturn' : '--unit taciturn'
  return machine.run(`journalctl --sync; journalctl --no-pager --output cat ${unit}`)
}

async function mainPid(machine: Machine): Promise<number> {
  return Number(await machine.run('systemctl show --property MainPID --value taciturn'))
}

/** What stands in docs/operating.md between the comments of that name. */
function commandsOf(name: string): string {
  const page = documentation('docs/operating.md')
  const part = page.match(new RegExp(`<!-- ${name} -->(.*)<!-- /${name} -->`, 's'))?.[1] ?? ''
  const blocks = [...part.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block)
  if (blocks.length === 0) throw new Error(`docs/operating.md has no commands named ${name}`)
  return blocks.join('\n')
}
