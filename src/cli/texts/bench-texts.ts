import type { Language } from '../../config/messages/messages.ts'
import type { LoadFault } from '../../load/fault.ts'
import type { RoundStep } from '../../load/round.ts'

/** What `taciturn bench` says, apart from its report. */
export interface BenchTexts {
  readonly options: Readonly<
    Record<
      | 'profile'
      | 'transport'
      | 'channels'
      | 'indications'
      | 'direction'
      | 'allocations'
      | 'rate'
      | 'search'
      | 'duration'
      | 'rounds'
      | 'size'
      | 'burst'
      | 'open'
      | 'server'
      | 'user'
      | 'passwordFile'
      | 'secretFile'
      | 'insecure'
      | 'pid'
      | 'peerAddress'
      | 'against'
      | 'workers'
      | 'udp'
      | 'generators'
      | 'offload'
      | 'html'
      | 'compare',
      string
    >
  >
  readonly groups: Readonly<Record<'load' | 'server' | 'generator' | 'report', string>>
  readonly examples: Readonly<Record<'plain' | 'coturn' | 'server' | 'compare', string>>
  readonly environment: string
  readonly badNumber: (option: string, least: number, most: number) => string
  readonly badServer: (given: string) => string
  readonly transportTwice: string
  readonly badAddress: (given: string) => string
  readonly noCredentials: string
  readonly cannotRead: (file: string, code: string) => string
  readonly notReport: (file: string) => string
  readonly cannotWrite: (file: string, code: string) => string
  readonly written: (file: string) => string
  readonly step: (step: RoundStep) => string
  readonly round: (server: string, round: number, rounds: number) => string
  readonly fault: (fault: LoadFault) => string
}

const EN: BenchTexts = {
  options: {
    profile:
      'what every allocation carries: audio (50 packets/s of 172 octets), video (30 frames/s of 8 packets of 1,200 octets), call (both), flood (as fast as it goes)',
    transport: 'how clients reach the relay; default: what --server says, else udp',
    channels: 'relay over channels; this is the default',
    indications: 'relay over Send and Data indications',
    direction: 'which way packets go',
    allocations: 'allocations that carry traffic; with --search, the number to begin with',
    rate: 'packets/s of all allocations together, in place of what the profile has',
    search:
      'search for the most that is carried with less than 0.1 % loss; the default for a relay of its own, unless --rate or --allocations say otherwise',
    duration: 'how long each measurement takes',
    rounds: 'how often to measure; the medians count. Default: 1, with --against 3',
    size: 'octets of payload in a packet of a flood; default: 172, with --burst 1100',
    burst: 'packets of a flood that leave together',
    open: 'allocations to open to see what one costs; default: 1000, with --server none but those that carry traffic',
    server:
      'the relay to load, such as turn:203.0.113.7:3478?transport=udp or turns:turn.example.org; without it, a relay is started on loopback',
    user: 'user with a fixed password; see --password-file',
    passwordFile: "file with that user's password; or set TACITURN_BENCH_PASSWORD",
    secretFile: 'file with the secret that credentials are made of; or set TACITURN_BENCH_SECRET',
    insecure: 'take any certificate',
    pid: 'process of the relay, if it runs on this machine, to measure its processor time and memory',
    peerAddress: 'our address that the relay reaches peers by; default: the one it reaches clients by',
    against: 'measure another relay too, in turns: coturn, which must be installed',
    workers: 'threads of the relay that is started, and of coturn; default: what each takes by itself',
    udp: 'UDP transport of the relay that is started',
    generators: 'processes that make the load; more only help where there are cores for them',
    offload:
      'let the kernel carry bursts as one in the generator (UDP_SEGMENT, UDP_GRO): more load, less like a network',
    html: 'also write a report with charts to this file',
    compare: 'earlier outputs of --json to show beside this one',
  },
  groups: {
    load: 'Load:',
    server: 'Relay:',
    generator: 'Load generator:',
    report: 'Report:',
  },
  examples: {
    plain: 'how many calls this machine carries',
    coturn: 'the same for coturn, in turns',
    server: 'another relay, with a load it should carry',
    compare: 'beside an earlier run',
  },
  environment:
    'A relay that is loaded with --server must allow our address as a peer (peers.allow), and enough allocations of one address (limits.allocationsPerAddress). Load no relay that others need.',
  badNumber: (option, least, most) => `--${option} must be a whole number from ${least} to ${most}`,
  badServer: given =>
    `"${given}" is not a relay; write for instance turn:203.0.113.7:3478?transport=udp, or turns: for TLS`,
  transportTwice: '--server names the transport already; leave out --transport, or make them agree',
  badAddress: given => `"${given}" is not an IP address`,
  noCredentials:
    'a relay needs credentials: give --secret-file, or --user with --password-file (or TACITURN_BENCH_SECRET, TACITURN_BENCH_PASSWORD)',
  cannotRead: (file, code) => `cannot read ${file} (${code})`,
  notReport: file => `${file} is not what --json printed, or is of another version`,
  cannotWrite: (file, code) => `cannot write ${file} (${code})`,
  written: file => `wrote ${file}`,
  step: step => {
    switch (step.kind) {
      case 'start':
        return 'starting'
      case 'open':
        return `allocations ${step.open} of ${step.total}`
      case 'measure':
        return 'measuring'
      case 'search':
        return `searching: ${step.tried.toLocaleString('en')} ${step.unit === 'allocations' ? 'allocations' : 'packets/s'}`
      case 'half':
        return 'measuring at half the load'
    }
  },
  round: (server, round, rounds) => (rounds === 1 ? server : `${server}, round ${round} of ${rounds}`),
  fault: fault => {
    switch (fault.kind) {
      case 'refused':
        return `the relay refused ${fault.request} with ${fault.code}${after(fault.opened, 'en')}${HINTS.en[fault.code] ?? ''}`
      case 'silent':
        return `no answer from the relay to ${fault.request} (${fault.why})${after(fault.opened, 'en')}`
      case 'connection':
        return `the relay cannot be reached: ${fault.why}`
      case 'sockets':
        return `no more sockets (${fault.code})${after(fault.opened, 'en')}; see: ulimit -Hn`
      case 'name':
        return `no address for ${fault.host} (${fault.why})`
      case 'missing':
        return fault.program === 'turnserver'
          ? 'coturn is not installed here: there is no program "turnserver" (on Debian: apt install coturn)'
          : `there is no program "${fault.program}"`
      case 'start':
        return `${fault.server} does not answer\n${fault.output}`
      case 'server-ended':
        return `${fault.server} ended by itself\n${fault.output}`
      case 'generator':
        return `the load generator failed: ${fault.why}`
      case 'nothing-relayed':
        return 'nothing that was sent came through the relay. Can it reach our peers? See --peer-address and its rules for peers.'
      case 'interrupted':
        return 'interrupted; everything that was started has been stopped'
    }
  },
}

const DE: BenchTexts = {
  options: {
    profile:
      'was jede Allocation trägt: audio (50 Pakete/s zu 172 Oktetten), video (30 Bilder/s aus 8 Paketen zu 1200 Oktetten), call (beides), flood (so schnell es geht)',
    transport: 'wie Clients das Relay erreichen; Vorgabe: was --server sagt, sonst udp',
    channels: 'über Kanäle vermitteln; das ist die Vorgabe',
    indications: 'über Send- und Data-Indications vermitteln',
    direction: 'in welche Richtung Pakete gehen',
    allocations: 'Allocations, die Verkehr tragen; mit --search die Zahl, mit der begonnen wird',
    rate: 'Pakete/s aller Allocations zusammen, anstelle dessen, was das Profil vorsieht',
    search:
      'das Meiste suchen, das mit weniger als 0,1 % Verlust getragen wird; Vorgabe bei einem eigenen Relay, wenn --rate und --allocations fehlen',
    duration: 'wie lange jede Messung dauert',
    rounds: 'wie oft gemessen wird; es gelten die Mediane. Vorgabe: 1, mit --against 3',
    size: 'Oktette Nutzlast in einem Paket von flood; Vorgabe: 172, mit --burst 1100',
    burst: 'Pakete von flood, die zusammen abgehen',
    open: 'Allocations, die eröffnet werden, um zu sehen, was eine kostet; Vorgabe: 1000, mit --server nur die, die Verkehr tragen',
    server:
      'das Relay, das belastet wird, etwa turn:203.0.113.7:3478?transport=udp oder turns:turn.example.org; ohne Angabe wird eines auf Loopback gestartet',
    user: 'Benutzer mit festem Passwort; siehe --password-file',
    passwordFile: 'Datei mit dessen Passwort; oder TACITURN_BENCH_PASSWORD setzen',
    secretFile: 'Datei mit dem Geheimnis, aus dem Zugänge gemacht werden; oder TACITURN_BENCH_SECRET setzen',
    insecure: 'jedes Zertifikat hinnehmen',
    pid: 'Prozess des Relays, wenn es auf diesem Rechner läuft, um CPU-Zeit und Speicher zu messen',
    peerAddress:
      'unsere Adresse, unter der das Relay Gegenstellen erreicht; Vorgabe: die, unter der es Clients erreicht',
    against: 'im Wechsel ein anderes Relay messen: coturn, das installiert sein muss',
    workers: 'Threads des Relays, das gestartet wird, und von coturn; Vorgabe: was jedes von selbst nimmt',
    udp: 'UDP-Transport des Relays, das gestartet wird',
    generators: 'Prozesse, die die Last machen; mehr helfen nur, wo Kerne für sie da sind',
    offload:
      'im Generator Schübe vom Kernel als eines tragen lassen (UDP_SEGMENT, UDP_GRO): mehr Last, weniger wie ein Netz',
    html: 'auch einen Bericht mit Diagrammen in diese Datei schreiben',
    compare: 'frühere Ausgaben von --json, die daneben gezeigt werden',
  },
  groups: {
    load: 'Last:',
    server: 'Relay:',
    generator: 'Lastgenerator:',
    report: 'Bericht:',
  },
  examples: {
    plain: 'wie viele Anrufe dieser Rechner trägt',
    coturn: 'dasselbe für coturn, im Wechsel',
    server: 'ein anderes Relay, mit einer Last, die es tragen sollte',
    compare: 'neben einer früheren Messung',
  },
  environment:
    'Ein Relay, das mit --server belastet wird, muss unsere Adresse als Gegenstelle zulassen (peers.allow) und genügend Allocations einer Adresse (limits.allocationsPerAddress). Kein Relay belasten, das andere brauchen.',
  badNumber: (option, least, most) => `--${option} muss eine ganze Zahl von ${least} bis ${most} sein`,
  badServer: given =>
    `"${given}" ist kein Relay; etwa turn:203.0.113.7:3478?transport=udp schreiben, oder turns: für TLS`,
  transportTwice: '--server nennt den Transport schon; --transport weglassen oder gleich angeben',
  badAddress: given => `"${given}" ist keine IP-Adresse`,
  noCredentials:
    'ein Relay verlangt einen Zugang: --secret-file angeben, oder --user mit --password-file (oder TACITURN_BENCH_SECRET, TACITURN_BENCH_PASSWORD)',
  cannotRead: (file, code) => `${file} ist nicht zu lesen (${code})`,
  notReport: file => `${file} ist nicht, was --json ausgab, oder von einer anderen Version`,
  cannotWrite: (file, code) => `${file} ist nicht zu schreiben (${code})`,
  written: file => `${file} geschrieben`,
  step: step => {
    switch (step.kind) {
      case 'start':
        return 'Start'
      case 'open':
        return `Allocations ${step.open} von ${step.total}`
      case 'measure':
        return 'Messung'
      case 'search':
        return `Suche: ${step.tried.toLocaleString('de')} ${step.unit === 'allocations' ? 'Allocations' : 'Pakete/s'}`
      case 'half':
        return 'Messung bei halber Last'
    }
  },
  round: (server, round, rounds) => (rounds === 1 ? server : `${server}, Runde ${round} von ${rounds}`),
  fault: fault => {
    switch (fault.kind) {
      case 'refused':
        return `das Relay wies ${fault.request} mit ${fault.code} ab${after(fault.opened, 'de')}${HINTS.de[fault.code] ?? ''}`
      case 'silent':
        return `das Relay antwortet nicht auf ${fault.request} (${fault.why})${after(fault.opened, 'de')}`
      case 'connection':
        return `das Relay ist nicht zu erreichen: ${fault.why}`
      case 'sockets':
        return `keine Sockets mehr (${fault.code})${after(fault.opened, 'de')}; siehe: ulimit -Hn`
      case 'name':
        return `keine Adresse für ${fault.host} (${fault.why})`
      case 'missing':
        return fault.program === 'turnserver'
          ? 'coturn ist hier nicht installiert: es gibt kein Programm "turnserver" (unter Debian: apt install coturn)'
          : `es gibt kein Programm "${fault.program}"`
      case 'start':
        return `${fault.server} antwortet nicht\n${fault.output}`
      case 'server-ended':
        return `${fault.server} hat sich selbst beendet\n${fault.output}`
      case 'generator':
        return `der Lastgenerator versagte: ${fault.why}`
      case 'nothing-relayed':
        return 'nichts von dem, was gesendet wurde, kam durch das Relay. Erreicht es unsere Gegenstellen? Siehe --peer-address und seine Regeln für Gegenstellen.'
      case 'interrupted':
        return 'abgebrochen; alles, was gestartet war, ist beendet'
    }
  },
}

/** What mends the errors that a bench meets. */
const HINTS: Readonly<Record<Language, Readonly<Record<number, string>>>> = {
  en: {
    401: '; the secret, or user and password, are not the ones it knows',
    403: '; it does not let clients reach our address as a peer (for taciturn: peers.allow)',
    437: '; it still has an allocation of an earlier run, try again in a minute',
    440: '; it does not relay for the address family of our peers, see --peer-address',
    486: '; it allows no more allocations of one user or address (for taciturn: limits), or give fewer --allocations',
    508: '; it has no more relay ports, or is draining',
  },
  de: {
    401: '; das Geheimnis, oder Benutzer und Passwort, sind nicht die, die es kennt',
    403: '; es lässt Clients unsere Adresse nicht als Gegenstelle erreichen (bei taciturn: peers.allow)',
    437: '; es hat noch eine Allocation einer früheren Messung, in einer Minute wieder versuchen',
    440: '; es vermittelt nicht in die Adressfamilie unserer Gegenstellen, siehe --peer-address',
    486: '; es erlaubt nicht mehr Allocations eines Benutzers oder einer Adresse (bei taciturn: limits), oder weniger --allocations angeben',
    508: '; es hat keine Relay-Ports mehr, oder wird gerade geleert',
  },
}

function after(opened: number, language: Language): string {
  if (opened === 0) return ''
  return language === 'de' ? ` nach ${opened} Allocations` : ` after ${opened} allocations`
}

export const BENCH_TEXTS: Readonly<Record<Language, BenchTexts>> = { en: EN, de: DE }
