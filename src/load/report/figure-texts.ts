import type { ClientTransport, Direction, RelayMethod } from '../protocol.ts'
import type { FigureKey, RateSearch, Scenario, Warning } from './report.ts'

export type Language = 'en' | 'de'

/** What a report says, on a terminal and in HTML. */
export interface ReportTexts {
  readonly title: string
  readonly figures: Readonly<Record<FigureKey, string>>
  readonly groups: Readonly<Record<'carried' | 'full' | 'half' | 'opening', string>>
  readonly estimate: string
  readonly unknown: string
  readonly energyUnknown: Readonly<Record<'no-meter' | 'no-permission', string>>
  readonly energyMeasured: Readonly<Record<'rapl' | 'pmic', string>>
  readonly ratio: (first: string, second: string) => string
  readonly rounds: (count: number) => string
  readonly load: (scenario: Scenario) => string
  readonly found: (search: RateSearch, profile: string) => string
  readonly warning: (warning: Warning) => string
  readonly html: Readonly<
    Record<
      | 'warnings'
      | 'none'
      | 'all'
      | 'figure'
      | 'latency'
      | 'latencyHelp'
      | 'half'
      | 'full'
      | 'share'
      | 'cpu'
      | 'cpuHelp'
      | 'search'
      | 'searchHelp'
      | 'offered'
      | 'delivered'
      | 'lost'
      | 'allocations'
      | 'passed'
      | 'failed'
      | 'opening'
      | 'openingHelp'
      | 'machine'
      | 'how'
      | 'made',
      string
    >
  >
}

const WAYS: Record<Language, Record<Direction, string>> = {
  en: { 'to-peer': 'to peers', 'to-client': 'to clients', both: 'both directions' },
  de: { 'to-peer': 'zu den Gegenstellen', 'to-client': 'zu den Clients', both: 'beide Richtungen' },
}
const METHODS: Record<RelayMethod, Record<Language, string>> = {
  channels: { en: 'ChannelData', de: 'ChannelData' },
  indications: { en: 'Send and Data indications', de: 'Send- und Data-Indications' },
}
const CLIENTS: Record<ClientTransport, string> = { udp: 'UDP', tcp: 'TCP', tls: 'TLS' }

const EN: ReportTexts = {
  title: 'Relay benchmark',
  figures: {
    calls: 'calls at once',
    callsPerCore: 'calls per server core',
    packetsPerSecond: 'packets/s',
    megabitsPerSecond: 'payload',
    loss: 'lost',
    reordered: 'out of order',
    errors: 'corrupt, misdelivered, twice',
    serverCpu: 'server CPU per packet',
    p50: 'latency p50',
    p90: 'latency p90',
    p99: 'latency p99',
    p999: 'latency p99.9',
    halfServerCpu: 'server CPU per packet',
    halfP50: 'latency p50',
    halfP99: 'latency p99',
    halfP999: 'latency p99.9',
    joules: 'energy of this machine',
    opensPerSecond: 'allocations/s',
    openCpuWarm: 'server CPU per allocation',
    openCpu: 'of the first after its start',
    openMemory: 'memory per allocation',
  },
  groups: { carried: 'carried', full: 'at that load', half: 'at half that load', opening: 'opening' },
  estimate: 'estimate',
  unknown: 'unknown',
  energyUnknown: {
    'no-meter': 'this machine has no meter for it',
    'no-permission': 'the meter is only for root (/sys/class/powercap)',
  },
  energyMeasured: { rapl: 'measured, processor packages', pmic: 'measured, all rails of the board' },
  ratio: (first, second) => `${first} ÷ ${second}`,
  rounds: count => (count === 1 ? 'one round' : `medians of ${count} rounds, in turns`),
  load: scenario => describe(scenario, 'en'),
  found: (search, profile) => {
    const what = search.unit === 'allocations' ? (profile === 'call' ? 'calls' : 'allocations') : 'packets/s'
    const why = {
      server: 'more was too much for the server',
      generator: 'more was too much for the load generator, so the server may carry more',
      ceiling: 'the generator tries no more; see --generators',
      'nothing-passed': 'not even the least load passed',
    }
    return `${search.best.toLocaleString('en')} ${what} with less than 0.1 % loss; ${why[search.limitedBy]}${search.confirmed ? '' : '. The longer measurement did not confirm it'}`
  },
  warning: warning => {
    switch (warning.kind) {
      case 'generator-busy':
        return `The load generator was the bottleneck with ${warning.server}: it came too late or lost packets itself, at ${percent(warning.busy, 'en')} of a core. What was carried is a lower bound. Processor time per packet still counts.`
      case 'own-drops':
        return `${percent(warning.share, 'en')} of the packets lost with ${warning.server} were lost at the generator's own sockets, not by the server.`
      case 'few-cores':
        return `Server and generator share ${warning.cores} ${warning.cores === 1 ? 'core' : 'cores'}: they take processor time from one another.`
      case 'machine-busy':
        return `The machine was busy with other things (load ${warning.load.toFixed(1)} on ${warning.cores} cores): compare nothing with these figures.`
      case 'governor':
        return `The processor's clock follows the governor "${warning.governor}"; figures vary less with "performance".`
      case 'small-buffers':
        return `Sockets get at most ${Math.round(warning.octets / 1024)} KiB of receive buffer; allow more with: sysctl -w net.core.rmem_max=4194304`
      case 'dgram-generator':
        return `The load generator runs on node:dgram, at a fraction of its speed: ${warning.why}.`
      case 'errors':
        return `${warning.server} delivered ${warning.corrupt} corrupt packets and ${warning.misdelivered} to the wrong place. That is a fault: please report it.`
      case 'stolen':
        return `${percent(warning.share, 'en')} of the processor time went to other virtual machines on this host.`
      case 'held':
        return `${percent(warning.share, 'en')} of the packets were not sent, as connections to ${warning.server} were full.`
    }
  },
  html: {
    warnings: 'Please note',
    none: 'Nothing that makes these figures worth less was noticed.',
    all: 'All figures',
    figure: 'figure',
    latency: 'Latency',
    latencyHelp:
      'One way through the relay, from before the packet was sent to after it was read. The further right, the rarer; lower is better.',
    half: 'half load',
    full: 'full load',
    share: 'share of packets',
    cpu: 'Processor time per packet',
    cpuHelp: 'Of the server, user and system. Lower is better.',
    search: 'Search',
    searchHelp:
      'What was tried, and what arrived of it. Hollow marks did not pass: 0.1 % or more was lost, or the generator came too late.',
    offered: 'tried',
    delivered: 'packets/s delivered',
    lost: 'lost',
    allocations: 'allocations',
    passed: 'passed',
    failed: 'failed',
    opening: 'Opening an allocation',
    openingHelp:
      'Three round trips: the challenge, Allocate, and the channel or permission. Lower is better.',
    machine: 'Machine',
    how: 'Load',
    made: 'made by',
  },
}

const DE: ReportTexts = {
  title: 'Messung eines Relays',
  figures: {
    calls: 'Anrufe zugleich',
    callsPerCore: 'Anrufe je Kern des Servers',
    packetsPerSecond: 'Pakete/s',
    megabitsPerSecond: 'Nutzlast',
    loss: 'verloren',
    reordered: 'nicht in der Reihe',
    errors: 'verfälscht, fehlgeleitet, doppelt',
    serverCpu: 'CPU des Servers je Paket',
    p50: 'Latenz p50',
    p90: 'Latenz p90',
    p99: 'Latenz p99',
    p999: 'Latenz p99,9',
    halfServerCpu: 'CPU des Servers je Paket',
    halfP50: 'Latenz p50',
    halfP99: 'Latenz p99',
    halfP999: 'Latenz p99,9',
    joules: 'Energie dieses Rechners',
    opensPerSecond: 'Allocations/s',
    openCpuWarm: 'CPU des Servers je Allocation',
    openCpu: 'der ersten nach seinem Start',
    openMemory: 'Speicher je Allocation',
  },
  groups: {
    carried: 'getragen',
    full: 'bei dieser Last',
    half: 'bei halber Last',
    opening: 'Eröffnung',
  },
  estimate: 'geschätzt',
  unknown: 'unbekannt',
  energyUnknown: {
    'no-meter': 'dieser Rechner hat dafür kein Messgerät',
    'no-permission': 'das Messgerät ist nur für root (/sys/class/powercap)',
  },
  energyMeasured: { rapl: 'gemessen, Prozessoren', pmic: 'gemessen, alle Schienen der Platine' },
  ratio: (first, second) => `${first} ÷ ${second}`,
  rounds: count => (count === 1 ? 'eine Runde' : `Mediane von ${count} Runden im Wechsel`),
  load: scenario => describe(scenario, 'de'),
  found: (search, profile) => {
    const what = search.unit === 'allocations' ? (profile === 'call' ? 'Anrufe' : 'Allocations') : 'Pakete/s'
    const why = {
      server: 'mehr war dem Server zu viel',
      generator: 'mehr war dem Lastgenerator zu viel, der Server trägt vielleicht mehr',
      ceiling: 'mehr versucht der Generator nicht; siehe --generators',
      'nothing-passed': 'nicht einmal die kleinste Last ging durch',
    }
    return `${search.best.toLocaleString('de')} ${what} mit weniger als 0,1 % Verlust; ${why[search.limitedBy]}${search.confirmed ? '' : '. Die längere Messung bestätigte das nicht'}`
  },
  warning: warning => {
    switch (warning.kind) {
      case 'generator-busy':
        return `Bei ${warning.server} war der Lastgenerator der Engpass: er kam zu spät oder verlor selbst Pakete, bei ${percent(warning.busy, 'de')} eines Kerns. Was getragen wurde, ist eine untere Schranke. Die CPU-Zeit je Paket gilt trotzdem.`
      case 'own-drops':
        return `${percent(warning.share, 'de')} der bei ${warning.server} verlorenen Pakete gingen an den Sockets des Generators verloren, nicht im Server.`
      case 'few-cores':
        return `Server und Generator teilen sich ${warning.cores} ${warning.cores === 1 ? 'Kern' : 'Kerne'}: sie nehmen einander CPU-Zeit weg.`
      case 'machine-busy':
        return `Der Rechner hatte anderes zu tun (Last ${warning.load.toLocaleString('de', { maximumFractionDigits: 1 })} auf ${warning.cores} Kernen): diese Zahlen mit nichts vergleichen.`
      case 'governor':
        return `Den Takt des Prozessors regelt "${warning.governor}"; mit "performance" schwanken die Zahlen weniger.`
      case 'small-buffers':
        return `Sockets bekommen höchstens ${Math.round(warning.octets / 1024)} KiB Empfangspuffer; mehr mit: sysctl -w net.core.rmem_max=4194304`
      case 'dgram-generator':
        return `Der Lastgenerator läuft über node:dgram, weit langsamer als er könnte: ${warning.why}.`
      case 'errors':
        return `${warning.server} lieferte ${warning.corrupt} verfälschte Pakete und ${warning.misdelivered} an die falsche Stelle. Das ist ein Fehler: bitte melden.`
      case 'stolen':
        return `${percent(warning.share, 'de')} der CPU-Zeit gingen an andere virtuelle Maschinen auf diesem Wirt.`
      case 'held':
        return `${percent(warning.share, 'de')} der Pakete wurden nicht gesendet, weil Verbindungen zu ${warning.server} voll waren.`
    }
  },
  html: {
    warnings: 'Zu beachten',
    none: 'Nichts fiel auf, das diese Zahlen entwertet.',
    all: 'Alle Zahlen',
    figure: 'Größe',
    latency: 'Latenz',
    latencyHelp:
      'Ein Weg durch das Relay, von vor dem Senden bis nach dem Lesen des Pakets. Weiter rechts ist seltener; niedriger ist besser.',
    half: 'halbe Last',
    full: 'volle Last',
    share: 'Anteil der Pakete',
    cpu: 'CPU-Zeit je Paket',
    cpuHelp: 'Des Servers, im Programm und im Kernel. Weniger ist besser.',
    search: 'Suche',
    searchHelp:
      'Was versucht wurde und was davon ankam. Hohle Punkte bestanden nicht: 0,1 % oder mehr ging verloren, oder der Generator kam zu spät.',
    offered: 'versucht',
    delivered: 'Pakete/s angekommen',
    lost: 'verloren',
    allocations: 'Allocations',
    passed: 'bestanden',
    failed: 'gescheitert',
    opening: 'Eine Allocation eröffnen',
    openingHelp: 'Drei Umläufe: Abweisung, Allocate, Kanal oder Erlaubnis. Weniger ist besser.',
    machine: 'Rechner',
    how: 'Last',
    made: 'gemacht von',
  },
}

export const REPORT_TEXTS: Readonly<Record<Language, ReportTexts>> = { en: EN, de: DE }

function describe(scenario: Scenario, language: Language): string {
  const { profile, octets, burst, direction, method, transport, rate, search, allocations } = scenario
  const isGerman = language === 'de'
  const flood = `${burst > 1 ? `${burst} × ` : ''}${octets} ${isGerman ? 'Oktette' : 'octets'}`
  const parts = [
    profile === 'flood' ? `flood, ${flood}` : profile,
    `${METHODS[method][language]} ${isGerman ? 'über' : 'over'} ${CLIENTS[transport]}`,
    WAYS[language][direction],
  ]
  if (rate !== null) parts.push(`${rate.toLocaleString(language)} ${isGerman ? 'Pakete/s' : 'packets/s'}`)
  if (!search || profile === 'flood') {
    parts.push(`${allocations.toLocaleString(language)} ${isGerman ? 'Allocations' : 'allocations'}`)
  }
  return parts.join(', ')
}

function percent(share: number, language: Language): string {
  return `${(share * 100).toLocaleString(language, { maximumFractionDigits: 1 })} %`
}
