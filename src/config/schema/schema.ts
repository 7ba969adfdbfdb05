import { z } from 'zod'
import { formatListener, parseListener } from '../values/listener.ts'
import { parseRealm } from '../values/text.ts'
import { formatWait, parseWait } from '../values/wait.ts'
import { homeserversSection, usersSection } from './access.ts'
import { budgetsSection } from './budgets.ts'
import { clientsSection } from './clients.ts'
import { count, DAY, duration, path, textField } from './fields.ts'
import { proxySection, webSection } from './front.ts'
import { ledgerSection } from './ledger.ts'
import { notifySection } from './notifying.ts'
import {
  alternateSection,
  credentialsSection,
  limitsSection,
  peersSection,
  protocolSection,
  relaySection,
} from './relaying.ts'
import { consoleSection, issueSection, metricsSection } from './serving.ts'
import { tlsSection } from './tls.ts'

/*
 * The one description of turnserver.json. Types, defaults, the check itself,
 * what may be shown, what needs a restart, the settings in force, the example
 * file and the editors' schema all come from it. Every `describe` is what an
 * editor shows at the key and what the example says above it.
 */

export const schema = z.strictObject({
  $schema: z
    .string()
    .exactOptional()
    .meta({ examples: ['./turnserver.schema.json'], live: true })
    .describe('Where editors find the description of this file.'),
  realm: textField(parseRealm, { examples: ['turn.example.org'] })
    .exactOptional()
    .meta({ restart: true, live: true, env: { name: 'TACITURN_REALM' } })
    .describe(
      'The realm that clients authenticate in: the DNS name of this server. It is repeated in many answers, so a short one saves traffic. Default: the name of the machine.',
    ),
  listen: z
    .array(
      textField(parseListener, {
        format: formatListener,
        examples: ['udp://0.0.0.0:3478', 'udp://[::]:3478', 'tcp://0.0.0.0:3478', 'tcp://[::]:3478'],
      }),
    )
    .min(1)
    .exactOptional()
    .meta({ restart: true, live: true, env: { name: 'TACITURN_LISTEN' } })
    .describe(
      'Where clients connect: udp://, tcp:// or tls:// and an IP address. Names are not looked up, so that a broken DNS cannot change where the relay listens. Browsers use no port below 1024 but 53, 80 and 443. "?proxy" and "?web" behind tcp:// and tls:// addresses: see "proxy" and "web" below. Default: UDP and TCP 3478 on all addresses, and where "tls" is set also tls://0.0.0.0:5349 and tls://[::]:5349, with "acme" in it port 443 as well.',
    ),
  tls: tlsSection,
  proxy: proxySection,
  web: webSection,
  relay: relaySection,
  homeservers: homeserversSection,
  users: usersSection,
  clients: clientsSection,
  peers: peersSection,
  limits: limitsSection,
  credentials: credentialsSection,
  protocol: protocolSection,
  alternate: alternateSection,
  issue: issueSection,
  metrics: metricsSection,
  control: z
    .union([z.literal(false), path('/run/taciturn/control.sock')], { error: () => 'want-control' })
    .default('auto')
    .meta({ restart: true })
    .describe(
      'The Unix socket by which `taciturn status`, `sessions`, `disconnect`, `drain` and `reload` talk to the running relay. "auto" is control.sock in $RUNTIME_DIRECTORY (systemd), else in the state folder; false for none. Anyone who can open the file (mode 0660: its user and its group) may do everything.',
    ),
  console: consoleSection,
  notify: notifySection,
  ledger: ledgerSection,
  budgets: budgetsSection,
  workers: z
    .union([z.literal('auto'), count(1, 64)], { error: () => 'want-workers' })
    .default('auto')
    .meta({ restart: true })
    .describe(
      'Threads that relay: "auto" or a number. One thread carries hundreds of calls; "auto" takes more where there are six cores and memory to spare. Each takes about 15 MB, and more than one need the native UDP transport.',
    ),
  udp: z
    .enum(['auto', 'native', 'dgram'])
    .default('auto')
    .meta({ restart: true })
    .describe(
      'The UDP transport: "native" is fast and needs the compiled addon, "dgram" is that of Node.js; "auto" takes the better one that loads. With one of them named, the relay refuses to start without it.',
    ),
  udpWait: textField(parseWait, { format: formatWait, examples: ['0.5 ms', '0'] })
    .prefault('0.5 ms')
    .meta({ restart: true })
    .describe(
      'How long a datagram may wait at most, so that several are relayed with one wake of the thread. It saves about half of the processor time from some 4,000 packets a second on, and does nothing where few come. "0": never wait. Only the native UDP transport can wait.',
    ),
  kernel: z
    .union([z.enum(['off', 'auto']), path('/run/taciturn-kernel')], { error: () => 'want-kernel' })
    .default('off')
    .meta({ restart: true })
    .describe(
      'Whether the kernel relays UDP by itself (Linux, see docs/kernel.md): "auto" has it do so as soon as `taciturn kernel up` runs, which has the privilege for it; what the kernel leaves is relayed as ever. A path names another folder than /run/taciturn-kernel. What the kernel relays passes no nftables rule and no packet capture of this machine.',
    ),
  log: z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error'])
        .default('info')
        .meta({
          env: { name: 'TACITURN_LOG_LEVEL' },
          aliases: {
            verbose: 'debug',
            notice: 'info',
            warning: 'warn',
            critical: 'error',
            fatal: 'error',
            silent: 'error',
          },
        })
        .describe('The least important lines that are written: "trace", "debug", "info", "warn" or "error".'),
      format: z
        .enum(['auto', 'json', 'text'])
        .default('auto')
        .meta({ restart: true })
        .describe(
          '"json", "text", or "auto": text on a terminal and in the journal of systemd, otherwise JSON.',
        ),
      privacy: z
        .enum(['pseudonym', 'truncated', 'full', 'none'])
        .default('pseudonym')
        .describe(
          'How users and addresses appear: "pseudonym" (the same person has the same one until midnight UTC or the next start), "truncated" (the network, the homeserver), "full", or "none".',
        ),
      offenders: z
        .boolean()
        .default(false)
        .describe(
          'True: a line "suspicious client" names the address of a client that signs with wrong passwords or scans, whatever "privacy" says, for fail2ban. See docs/operating.md.',
        ),
    })
    .prefault({})
    .describe('What is logged.'),
  stop: z
    .strictObject({
      deadline: duration({ min: 0, max: DAY }, ['0s', '5m'])
        .prefault('0s')
        .describe(
          'How long live allocations may continue after SIGTERM. "0s" ends them at once; clients then find another way within seconds. systemd waits for TimeoutStopSec at most.',
        ),
    })
    .prefault({})
    .describe('How the relay ends.'),
  state: path('/var/lib/taciturn')
    .default('auto')
    .meta({ restart: true })
    .describe(
      'The folder for what is kept, such as the secret of a relay without a configuration. "auto": $STATE_DIRECTORY (systemd), /var/lib/taciturn, or ~/.local/state/taciturn.',
    ),
})

/** The file with its texts read and its defaults filled in, before other files are looked at. */
export type Written = z.output<typeof schema>
