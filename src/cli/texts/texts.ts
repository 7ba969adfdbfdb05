import type { Language } from '../../config/messages/messages.ts'

/** Everything that the commands say, apart from what is wrong with a configuration. */
export interface Texts {
  readonly program: string
  readonly epilogue: string
  readonly commands: Readonly<
    Record<
      'serve' | 'init' | 'validate' | 'credentials' | 'snippet' | 'bench' | 'doctor' | 'completion',
      string
    >
  >
  readonly options: Readonly<
    Record<
      | 'config'
      | 'lang'
      | 'json'
      | 'effective'
      | 'user'
      | 'ttl'
      | 'homeserver'
      | 'host'
      | 'secretFile'
      | 'snippetName'
      | 'realm'
      | 'initHomeserver'
      | 'force'
      | 'output'
      | 'help'
      | 'version',
      string
    >
  >
  readonly examples: Readonly<Record<'init' | 'validate' | 'credentials' | 'snippet' | 'secretFile', string>>
  readonly seeHelp: (command: string) => string
  readonly noCommand: string
  readonly warning: string
  readonly problems: (count: number) => string
  readonly unexpected: (message: string) => string

  readonly valid: (file: string) => string
  readonly validDefaults: string

  readonly askRealm: (proposal: string) => string
  readonly askHomeserver: (proposal: string) => string
  readonly written: (file: string) => string
  readonly exists: (file: string) => string
  readonly cannotWrite: (file: string, code: string) => string
  readonly next: (file: string) => string
  readonly template: Readonly<
    Record<
      'head' | 'realm' | 'listen' | 'tls' | 'relay' | 'homeservers' | 'peers' | 'metrics' | 'log',
      string
    >
  >

  readonly noHomeserver: string
  readonly whichHomeserver: (names: string) => string
  readonly unknownHomeserver: (given: string, names: string) => string
  readonly noSecret: (name: string) => string
  readonly onlySha256: (name: string) => string
  readonly paused: (name: string) => string
  readonly guessedHost: (host: string) => string
  readonly badHost: (given: string) => string
  readonly emptyUser: string
  readonly userControl: string
  readonly ttlTooLong: (max: string) => string
  readonly validUntil: (time: string) => string

  readonly snippets: string
  readonly unknownSnippet: (given: string, guess: string | undefined) => string
  readonly noSecretFile: (title: string) => string
  readonly pasteInto: (title: string, file: string) => string
  readonly runThis: (title: string) => string
  readonly ejabberdHost: string
}

const EN: Texts = {
  program: 'taciturn, a STUN and TURN relay that says little about its users',
  epilogue: `Exit codes: 0 ok, 1 a check failed, 2 usage, 3 configuration invalid, 4 relay not reachable, 5 refused.
Environment: TACITURN_CONFIG names the configuration, TACITURN_STATE the state folder, NO_COLOR switches colours off.`,
  commands: {
    serve: 'run the relay',
    init: 'write a commented turnserver.json with a fresh secret',
    validate: 'check a configuration: where it is wrong, and how to mend it',
    credentials: 'issue a time-limited credential, as a homeserver would',
    snippet: 'print the lines that tell another program of this relay',
    bench: 'put a load on a relay, its own or another, and report what it carried',
    doctor: 'test everything end to end, and say what is wrong and how to mend it',
    completion: 'print a completion script for bash or zsh',
  },
  options: {
    config: 'configuration file; default: ./turnserver.json, then /etc/taciturn/turnserver.json',
    lang: 'language: en or de',
    json: 'print JSON, for programs',
    effective: 'also print all settings in force and the peer policy, without secrets',
    user: 'whom the credential is for, such as @alice:example.org',
    ttl: 'how long it is valid, such as 1h',
    homeserver: 'the homeserver of the configuration whose secret is used',
    host: 'name or address that clients reach the relay by; default: the realm',
    secretFile: 'let the program read the secret from this file, and print no secret',
    snippetName: 'the program to configure; without it, all are listed',
    realm: 'DNS name of this server',
    initHomeserver: 'server name of the homeserver',
    force: 'replace a file that is there already',
    output: 'file to write',
    help: 'show help',
    version: 'show the version',
  },
  examples: {
    init: 'a configuration without questions',
    validate: 'what is really in force',
    credentials: 'a credential for one hour',
    snippet: 'the lines for homeserver.yaml',
    secretFile: 'the lines, with the secret in a file',
  },
  seeHelp: command => `See: taciturn${command === '' ? '' : ` ${command}`} --help`,
  noCommand: 'Say what to do: taciturn COMMAND',
  warning: 'warning',
  problems: count =>
    count === 1 ? '1 problem; nothing was started' : `${count} problems; nothing was started`,
  unexpected: message => `unexpected: ${message}`,

  valid: file => `${file} is valid`,
  validDefaults: 'there is no configuration file; the built-in defaults are valid',

  askRealm: proposal => `DNS name of this server [${proposal}]: `,
  askHomeserver: proposal => `Server name of the homeserver [${proposal}]: `,
  written: file => `wrote ${file}; it holds a fresh secret and can be read by you alone`,
  exists: file => `${file} is there already; --force replaces it, and with it the secret`,
  cannotWrite: (file, code) => `cannot write ${file} (${code})`,
  next: file => `next:
  taciturn snippet synapse --config ${file}   lines for your homeserver
  taciturn serve --config ${file}             run the relay`,
  template: {
    head: 'Configuration of taciturn. turnserver.example.json explains every key;\n`taciturn validate --effective` shows what is in force.',
    realm: 'The DNS name of this server.',
    listen: 'Where clients connect. This is the default; with "tls", TLS on port 5349 comes with it.',
    tls: 'A certificate, for clients behind firewalls that let TLS through only. It is read again when it changes.',
    relay:
      'The addresses and UDP ports that peers see; the firewall must let these ports in.\nBehind 1:1 NAT write "local=public", such as "10.0.0.5=203.0.113.7".',
    homeservers:
      'Who may issue credentials. `taciturn snippet` prints the lines for the other side.\nTo change a secret, put the new one first and remove the old one a day later.',
    peers: 'Private and special addresses are never reached; "allow" opens parts of them, such as a LAN.',
    metrics: 'Prometheus metrics, /healthz and /readyz.',
    log: 'Users and addresses appear as pseudonyms: "pseudonym", "truncated", "full" or "none".',
  },

  noHomeserver: 'the configuration has no homeserver, only users with fixed passwords',
  whichHomeserver: names => `say which homeserver with --homeserver: ${names}`,
  unknownHomeserver: (given, names) => `there is no homeserver "${given}"; there are: ${names}`,
  noSecret: name =>
    `homeserver "${name}" has no secret yet; start the relay once, or make a configuration with: taciturn init`,
  onlySha256: name => `homeserver "${name}" has only SHA-256 secrets, which other programs do not use`,
  paused: name => `homeserver "${name}" is paused, so the relay refuses its users`,
  guessedHost: host => `"${host}" is the name of this machine; if clients use another, give --host`,
  badHost: given => `"${given}" is not a host; write a DNS name or an IP address, without port`,
  emptyUser: 'the user is empty; write for instance --user @alice:example.org',
  userControl: 'the user holds control characters, or is too long',
  ttlTooLong: max => `the relay takes credentials for at most ${max} (credentials.maxLifetime)`,
  validUntil: time => `valid until ${time}`,

  snippets: 'Print lines with: taciturn snippet NAME',
  unknownSnippet: (given, guess) =>
    `there are no lines for "${given}"${guess === undefined ? '' : `; did you mean ${guess}?`}`,
  noSecretFile: title => `${title} cannot read the secret from a file; leave out --secret-file`,
  pasteInto: (title, file) => `for ${title}, into ${file}; restart it afterwards`,
  runThis: title => `for ${title}, run where occ is; the secret is then seen in its process list`,
  ejabberdHost: 'ejabberd wants an IP address for services without TLS; give it with --host',
}

const DE: Texts = {
  program: 'taciturn, ein STUN- und TURN-Relay, das wenig über seine Benutzer sagt',
  epilogue: `Rückgabewerte: 0 gut, 1 eine Prüfung schlug fehl, 2 Aufruf falsch, 3 Konfiguration ungültig, 4 Relay nicht erreichbar, 5 abgelehnt.
Umgebung: TACITURN_CONFIG nennt die Konfiguration, TACITURN_STATE den Zustandsordner, NO_COLOR schaltet Farben ab.`,
  commands: {
    serve: 'das Relay betreiben',
    init: 'eine kommentierte turnserver.json mit frischem Geheimnis schreiben',
    validate: 'eine Konfiguration prüfen: wo sie falsch ist und wie das zu beheben ist',
    credentials: 'einen befristeten Zugang ausstellen, wie es ein Homeserver täte',
    snippet: 'die Zeilen ausgeben, die einem anderen Programm dieses Relay nennen',
    bench: 'ein Relay belasten, ein eigenes oder ein anderes, und berichten, was es trug',
    doctor: 'alles von Ende zu Ende prüfen und sagen, was falsch ist und wie es zu beheben ist',
    completion: 'ein Skript zur Vervollständigung in bash oder zsh ausgeben',
  },
  options: {
    config: 'Konfigurationsdatei; Vorgabe: ./turnserver.json, dann /etc/taciturn/turnserver.json',
    lang: 'Sprache: en oder de',
    json: 'JSON ausgeben, für Programme',
    effective: 'auch alle geltenden Einstellungen und die Regeln für Gegenstellen ausgeben, ohne Geheimnisse',
    user: 'für wen der Zugang ist, etwa @alice:example.org',
    ttl: 'wie lange er gilt, etwa 1h',
    homeserver: 'der Homeserver der Konfiguration, dessen Geheimnis benutzt wird',
    host: 'Name oder Adresse, unter der Clients das Relay erreichen; Vorgabe: der Realm',
    secretFile: 'das Programm soll das Geheimnis aus dieser Datei lesen; es wird nicht ausgegeben',
    snippetName: 'das Programm, das einzurichten ist; ohne Namen werden alle genannt',
    realm: 'DNS-Name dieses Servers',
    initHomeserver: 'Servername des Homeservers',
    force: 'eine vorhandene Datei ersetzen',
    output: 'Datei, die geschrieben wird',
    help: 'Hilfe zeigen',
    version: 'Version zeigen',
  },
  examples: {
    init: 'eine Konfiguration ohne Rückfragen',
    validate: 'was wirklich gilt',
    credentials: 'ein Zugang für eine Stunde',
    snippet: 'die Zeilen für homeserver.yaml',
    secretFile: 'die Zeilen, mit dem Geheimnis in einer Datei',
  },
  seeHelp: command => `Siehe: taciturn${command === '' ? '' : ` ${command}`} --help`,
  noCommand: 'Was ist zu tun? taciturn BEFEHL',
  warning: 'Warnung',
  problems: count =>
    count === 1 ? '1 Fehler; nichts wurde gestartet' : `${count} Fehler; nichts wurde gestartet`,
  unexpected: message => `unerwartet: ${message}`,

  valid: file => `${file} ist gültig`,
  validDefaults: 'es gibt keine Konfigurationsdatei; die eingebauten Vorgaben sind gültig',

  askRealm: proposal => `DNS-Name dieses Servers [${proposal}]: `,
  askHomeserver: proposal => `Servername des Homeservers [${proposal}]: `,
  written: file => `${file} geschrieben; darin steht ein frisches Geheimnis, nur Sie können sie lesen`,
  exists: file => `${file} gibt es schon; --force ersetzt sie, und mit ihr das Geheimnis`,
  cannotWrite: (file, code) => `${file} ist nicht zu schreiben (${code})`,
  next: file => `weiter:
  taciturn snippet synapse --config ${file}   Zeilen für Ihren Homeserver
  taciturn serve --config ${file}             das Relay betreiben`,
  template: {
    head: 'Konfiguration von taciturn. turnserver.example.json erklärt jeden Schlüssel;\n`taciturn validate --effective` zeigt, was gilt.',
    realm: 'Der DNS-Name dieses Servers.',
    listen: 'Wo sich Clients verbinden. Das ist die Vorgabe; mit "tls" kommt TLS auf Port 5349 dazu.',
    tls: 'Ein Zertifikat, für Clients hinter Firewalls, die nur TLS durchlassen. Ändert es sich, wird es neu gelesen.',
    relay:
      'Adressen und UDP-Ports, die Gegenstellen sehen; die Firewall muss diese Ports hereinlassen.\nHinter 1:1-NAT "lokal=öffentlich" schreiben, etwa "10.0.0.5=203.0.113.7".',
    homeservers:
      'Wer Zugänge ausstellen darf. `taciturn snippet` gibt die Zeilen für die Gegenseite aus.\nUm ein Geheimnis zu wechseln, das neue voranstellen und das alte einen Tag später entfernen.',
    peers: 'Private und besondere Adressen werden nie erreicht; "allow" öffnet Teile davon, etwa ein LAN.',
    metrics: 'Metriken für Prometheus, /healthz und /readyz.',
    log: 'Benutzer und Adressen erscheinen als Pseudonyme: "pseudonym", "truncated", "full" oder "none".',
  },

  noHomeserver: 'die Konfiguration nennt keinen Homeserver, nur Benutzer mit festen Passwörtern',
  whichHomeserver: names => `mit --homeserver sagen, welcher Homeserver: ${names}`,
  unknownHomeserver: (given, names) => `es gibt keinen Homeserver "${given}"; es gibt: ${names}`,
  noSecret: name =>
    `Homeserver "${name}" hat noch kein Geheimnis; das Relay einmal starten, oder eine Konfiguration anlegen mit: taciturn init`,
  onlySha256: name =>
    `Homeserver "${name}" hat nur Geheimnisse für SHA-256, die andere Programme nicht benutzen`,
  paused: name => `Homeserver "${name}" ist angehalten, das Relay weist seine Benutzer ab`,
  guessedHost: host =>
    `"${host}" ist der Name dieses Rechners; benutzen Clients einen anderen, --host angeben`,
  badHost: given => `"${given}" ist kein Host; einen DNS-Namen oder eine IP-Adresse ohne Port schreiben`,
  emptyUser: 'der Benutzer ist leer; etwa --user @alice:example.org schreiben',
  userControl: 'der Benutzer enthält Steuerzeichen oder ist zu lang',
  ttlTooLong: max => `das Relay nimmt Zugänge für höchstens ${max} an (credentials.maxLifetime)`,
  validUntil: time => `gültig bis ${time}`,

  snippets: 'Zeilen ausgeben mit: taciturn snippet NAME',
  unknownSnippet: (given, guess) =>
    `für "${given}" gibt es keine Zeilen${guess === undefined ? '' : `; war ${guess} gemeint?`}`,
  noSecretFile: title => `${title} kann das Geheimnis nicht aus einer Datei lesen; --secret-file weglassen`,
  pasteInto: (title, file) => `für ${title}, in ${file}; danach neu starten`,
  runThis: title =>
    `für ${title}, dort ausführen, wo occ ist; das Geheimnis steht dann in dessen Prozessliste`,
  ejabberdHost: 'ejabberd verlangt für Dienste ohne TLS eine IP-Adresse; sie mit --host angeben',
}

export const CLI_TEXTS: Readonly<Record<Language, Texts>> = { en: EN, de: DE }
