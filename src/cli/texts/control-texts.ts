import type { Language } from '../../config/messages/messages.ts'

/** Everything that the commands for a running relay say. */
export interface ControlTexts {
  readonly commands: Readonly<
    Record<
      'status' | 'sessions' | 'disconnect' | 'drain' | 'reload' | 'console' | 'testLink' | 'testResult',
      string
    >
  >
  readonly options: Readonly<
    Record<
      | 'socket'
      | 'watch'
      | 'names'
      | 'homeserver'
      | 'user'
      | 'transport'
      | 'limit'
      | 'session'
      | 'pseudonym'
      | 'rights'
      | 'ttl'
      | 'testTtl'
      | 'uses'
      | 'code',
      string
    >
  >
  readonly switchedOff: string
  readonly unreachable: (path: string, code: string) => string
  readonly notAllowed: (path: string) => string
  readonly states: Readonly<Record<'starting' | 'serving' | 'draining' | 'stopping', string>>
  readonly rows: Readonly<
    Record<
      | 'state'
      | 'notReady'
      | 'version'
      | 'running'
      | 'listening'
      | 'relays'
      | 'udp'
      | 'allocations'
      | 'users'
      | 'ports'
      | 'rate'
      | 'traffic'
      | 'dropped'
      | 'rejected'
      | 'certificate'
      | 'configuration'
      | 'process',
      string
    >
  >
  readonly columns: Readonly<
    Record<
      | 'id'
      | 'homeserver'
      | 'user'
      | 'client'
      | 'transport'
      | 'relayed'
      | 'age'
      | 'toPeer'
      | 'toClient'
      | 'dropped',
      string
    >
  >
  readonly of: (used: string, total: string) => string
  readonly workers: (kind: string, running: number, missing: number) => string
  readonly flows: (toPeer: string, toClient: string) => string
  readonly validFor: (days: number, date: string) => string
  readonly configurationOk: (date: string) => string
  readonly configurationBroken: string
  readonly cpu: (share: string, memory: string) => string
  readonly noSessions: string
  readonly more: (count: number) => string
  readonly whom: string
  readonly ended: (count: number) => string
  readonly draining: (allocations: number) => string
  readonly reloaded: string
  readonly restart: (keys: string) => string
  readonly broken: string
  readonly linkUntil: (time: string) => string
  readonly badTtl: (why: string) => string
  readonly measured: string
  readonly seen: string
  readonly seenNothing: string
  readonly way: (transport: string, challenged: number, opened: number, refused: string) => string
}

export const CONTROL_TEXTS: Readonly<Record<Language, ControlTexts>> = {
  en: {
    commands: {
      status: 'say how the running relay is',
      sessions: 'list the allocations of the running relay, the busiest first',
      disconnect: 'end an allocation, or all of a user',
      drain: 'take no new allocation, and end the relay with the last one',
      reload: 'have the running relay read its configuration again',
      console: 'print a link into the console that is good for a while',
      testLink: 'print a one-time link by which somebody can test the relay in a browser',
      testResult: 'show what a test came to, by the code that the page shows',
    },
    options: {
      socket: 'control socket of the relay; default: what the configuration says',
      watch: 'show it again every second',
      names: 'show real names and addresses; the access log says that you did',
      homeserver: 'only those of this homeserver',
      user: 'only those of this user, by pseudonym',
      transport: 'only those by this transport',
      limit: 'at most so many',
      session: 'id of the allocation, as `taciturn sessions` shows it',
      pseudonym: 'end all allocations of this user, by pseudonym',
      rights: 'what the link lets one do',
      ttl: 'how long the link is good, such as 1h',
      testTtl: 'how long the link is good, such as 30m',
      uses: 'how many tests may be run with it',
      code: 'the code, such as KIWI-4821',
    },
    switchedOff: 'the configuration has "control": false, so there is no socket to ask at',
    unreachable: (path, code) =>
      `no relay answers at ${path} (${code}); is it running? Give its configuration with --config, or its socket with --socket`,
    notAllowed: path =>
      `you may not open ${path}; run this as root, or as the user or in the group of the relay`,
    states: { starting: 'starting', serving: 'serving', draining: 'draining', stopping: 'stopping' },
    rows: {
      state: 'state',
      notReady: 'not ready',
      version: 'version',
      running: 'running for',
      listening: 'listens on',
      relays: 'relays from',
      udp: 'UDP',
      allocations: 'allocations',
      users: 'users',
      ports: 'ports',
      rate: 'rate',
      traffic: 'since start',
      dropped: 'dropped',
      rejected: 'refused',
      certificate: 'certificate',
      configuration: 'configuration',
      process: 'process',
    },
    columns: {
      id: 'ID',
      homeserver: 'HOMESERVER',
      user: 'USER',
      client: 'CLIENT',
      transport: 'VIA',
      relayed: 'RELAYED',
      age: 'AGE',
      toPeer: 'TO PEER',
      toClient: 'TO CLIENT',
      dropped: 'DROPPED',
    },
    of: (used, total) => `${used} of ${total}`,
    workers: (kind, running, missing) =>
      `${kind}, ${running} ${running === 1 ? 'thread' : 'threads'}${missing > 0 ? `, ${missing} being replaced` : ''}`,
    flows: (toPeer, toClient) => `${toPeer} to peers, ${toClient} to clients`,
    validFor: (days, date) => (days >= 0 ? `${days} days left, until ${date}` : `expired on ${date}`),
    configurationOk: date => `read on ${date}`,
    configurationBroken: 'the last reload failed; the one before is in force',
    cpu: (share, memory) => `${share} of a core, ${memory}`,
    noSessions: 'there are no allocations',
    more: count => `and ${count} more`,
    whom: 'say which: taciturn disconnect ID, or --user PSEUDONYM',
    ended: count => (count === 1 ? 'ended 1 allocation' : `ended ${count} allocations`),
    draining: allocations =>
      allocations === 0
        ? 'draining; there is no allocation, so the relay ends now'
        : `draining; the relay ends with the last of ${allocations} allocations`,
    reloaded: 'the configuration was read again',
    restart: keys => `these changes need a restart: ${keys}`,
    broken: 'the configuration is broken, and the one in use stays',
    linkUntil: time => `good until ${time}; whoever has the link may use it`,
    badTtl: why => `--ttl: ${why}`,
    measured: 'measured in the browser',
    seen: 'seen by the relay',
    seenNothing: 'nothing reached the relay: a firewall or router on the way holds it back',
    way: (transport, challenged, opened, refused) =>
      `${transport}: ${challenged} asked, ${opened} allocations opened${refused === '' ? '' : `; refused: ${refused}`}`,
  },
  de: {
    commands: {
      status: 'sagen, wie es dem laufenden Relay geht',
      sessions: 'die Allocations des laufenden Relays aufzählen, die lebhaftesten zuerst',
      disconnect: 'eine Allocation beenden, oder alle eines Benutzers',
      drain: 'keine neue Allocation annehmen und mit der letzten enden',
      reload: 'das laufende Relay seine Konfiguration neu lesen lassen',
      console: 'einen Link in die Konsole ausgeben, der eine Weile gilt',
      testLink: 'einen einmaligen Link ausgeben, mit dem jemand das Relay im Browser testen kann',
      testResult: 'zeigen, was ein Test ergab, mit dem Code von der Testseite',
    },
    options: {
      socket: 'Steuersocket des Relays; sonst was die Konfiguration sagt',
      watch: 'jede Sekunde neu zeigen',
      names: 'echte Namen und Adressen zeigen; das Zugriffsprotokoll hält es fest',
      homeserver: 'nur die dieses Homeservers',
      user: 'nur die dieses Benutzers, als Pseudonym',
      transport: 'nur die über diesen Transport',
      limit: 'höchstens so viele',
      session: 'ID der Allocation, wie `taciturn sessions` sie zeigt',
      pseudonym: 'alle Allocations dieses Benutzers beenden, als Pseudonym',
      rights: 'was der Link erlaubt',
      ttl: 'wie lange der Link gilt, etwa 1h',
      testTtl: 'wie lange der Link gilt, etwa 30m',
      uses: 'für wie viele Tests er gilt',
      code: 'der Code, etwa KIWI-4821',
    },
    switchedOff: 'die Konfiguration hat "control": false, also gibt es keinen Socket zum Fragen',
    unreachable: (path, code) =>
      `an ${path} antwortet kein Relay (${code}); läuft es? Seine Konfiguration nennt --config, seinen Socket --socket`,
    notAllowed: path =>
      `${path} lässt sich nicht öffnen; als root ausführen, oder als der Benutzer oder in der Gruppe des Relays`,
    states: { starting: 'startet', serving: 'in Betrieb', draining: 'läuft aus', stopping: 'endet' },
    rows: {
      state: 'Zustand',
      notReady: 'nicht bereit',
      version: 'Version',
      running: 'läuft seit',
      listening: 'lauscht auf',
      relays: 'leitet von',
      udp: 'UDP',
      allocations: 'Allocations',
      users: 'Benutzer',
      ports: 'Ports',
      rate: 'Rate',
      traffic: 'seit Start',
      dropped: 'verworfen',
      rejected: 'abgelehnt',
      certificate: 'Zertifikat',
      configuration: 'Konfiguration',
      process: 'Prozess',
    },
    columns: {
      id: 'ID',
      homeserver: 'HOMESERVER',
      user: 'BENUTZER',
      client: 'CLIENT',
      transport: 'ÜBER',
      relayed: 'ADRESSE',
      age: 'ALTER',
      toPeer: 'ZUM PEER',
      toClient: 'ZUM CLIENT',
      dropped: 'VERWORFEN',
    },
    of: (used, total) => `${used} von ${total}`,
    workers: (kind, running, missing) =>
      `${kind}, ${running} ${running === 1 ? 'Thread' : 'Threads'}${missing > 0 ? `, ${missing} in Ersatz` : ''}`,
    flows: (toPeer, toClient) => `${toPeer} zu Peers, ${toClient} zu Clients`,
    validFor: (days, date) => (days >= 0 ? `noch ${days} Tage, bis ${date}` : `abgelaufen am ${date}`),
    configurationOk: date => `gelesen am ${date}`,
    configurationBroken: 'das letzte Neuladen schlug fehl; die vorherige gilt',
    cpu: (share, memory) => `${share} eines Kerns, ${memory}`,
    noSessions: 'es gibt keine Allocations',
    more: count => `und ${count} weitere`,
    whom: 'sagen, welche: taciturn disconnect ID, oder --user PSEUDONYM',
    ended: count => (count === 1 ? '1 Allocation beendet' : `${count} Allocations beendet`),
    draining: allocations =>
      allocations === 0
        ? 'läuft aus; es gibt keine Allocation, also endet das Relay jetzt'
        : `läuft aus; das Relay endet mit der letzten von ${allocations} Allocations`,
    reloaded: 'die Konfiguration wurde neu gelesen',
    restart: keys => `diese Änderungen brauchen einen Neustart: ${keys}`,
    broken: 'die Konfiguration ist fehlerhaft, die in Gebrauch bleibt',
    linkUntil: time => `gilt bis ${time}; wer den Link hat, kann ihn benutzen`,
    badTtl: why => `--ttl: ${why}`,
    measured: 'im Browser gemessen',
    seen: 'vom Relay gesehen',
    seenNothing: 'nichts hat das Relay erreicht: eine Firewall oder ein Router unterwegs hält es auf',
    way: (transport, challenged, opened, refused) =>
      `${transport}: ${challenged}-mal gefragt, ${opened} Allocations geöffnet${refused === '' ? '' : `; abgelehnt: ${refused}`}`,
  },
}
