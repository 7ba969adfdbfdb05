import type { Language } from '../../config/messages/messages.ts'
import type { Fate } from '../../import/line.ts'
import type { Comments } from '../../import/write.ts'

/** What `taciturn import` says; what becomes of each setting is in src/import. */
export interface ImportTexts {
  readonly command: string
  readonly options: Readonly<Record<'file' | 'from' | 'out' | 'homeserver', string>>
  readonly examples: Readonly<Record<'coturn' | 'eturnal', string>>
  readonly notOnStdout: string
  readonly cannotRead: (file: string, code: string) => string
  readonly notYaml: (file: string, line: number) => string
  readonly fates: Readonly<Record<Fate, string>>
  readonly lines: (count: number) => string
  readonly remarks: string
  readonly warnings: string
  readonly todo: string
  readonly nothing: (file: string) => string
  readonly valid: (file: string) => string
  readonly invalid: (file: string) => string
  readonly next: (file: string) => string
  readonly comments: Comments
}

const EN: ImportTexts = {
  command: 'make a turnserver.json of the configuration of coturn or eturnal',
  options: {
    file: 'turnserver.conf or eturnal.yml',
    from: 'whose file it is; without it, the file tells',
    out: 'file to write; it holds the secrets and can be read by you alone',
    homeserver: 'name of the homeserver that the secret is for; default: the realm without turn.',
  },
  examples: { coturn: 'move in from coturn', eturnal: 'the report for programs' },
  notOnStdout:
    'the configuration holds secrets and is not written to the standard output; name a file with --out',
  cannotRead: (file, code) => `cannot read ${file} (${code})`,
  notYaml: (file, line) => `${file} is not YAML: see line ${line}`,
  fates: {
    taken: 'Taken over',
    unneeded: 'Not needed',
    unsupported: 'Not supported, and what to do instead',
    unknown: 'Unknown',
  },
  lines: count => `${count} lines`,
  remarks: 'Also different from now on',
  warnings: 'Worth a look',
  todo: 'Still to be filled in',
  nothing: file => `${file} has no settings`,
  valid: file => `wrote ${file}; it is valid, and can be read by you alone`,
  invalid: file =>
    `wrote ${file}; it is not valid until what is listed under “Still to be filled in” is done`,
  next: file => `next:
  taciturn validate --effective --config ${file}   what is in force
  taciturn serve --config ${file}                  run the relay, once the old server is stopped`,
  comments: {
    head: 'Configuration of taciturn, made by `taciturn import`. turnserver.example.json explains every key;\n`taciturn validate --effective` shows what is in force.',
    realm: 'The DNS name of this server.',
    listen: 'Where clients connect.',
    tls: 'The certificate for tls:// listeners, with its chain. It is read again when it changes.',
    relay:
      'The addresses and UDP ports that peers see; the firewall must let these ports in.\nBehind 1:1 NAT an address is written "local=public".',
    homeservers:
      'Who may issue credentials.\nTo change a secret, put the new one first and remove the old one a day later.',
    users: 'Users with a fixed password.',
    peers: 'Private and special addresses are never reached; "allow" opens parts of them, such as a LAN.',
    limits: 'Bounds. What is above them is answered with an error, or dropped.',
    credentials: 'How time-limited credentials are judged.',
    protocol: 'What answers hold.',
    metrics: 'Prometheus metrics, /healthz and /readyz.',
    log: 'Users and addresses appear as pseudonyms: "pseudonym", "truncated", "full" or "none".',
  },
}

const DE: ImportTexts = {
  command: 'aus der Konfiguration von coturn oder eturnal eine turnserver.json machen',
  options: {
    file: 'turnserver.conf oder eturnal.yml',
    from: 'wessen Datei es ist; ohne Angabe sagt es die Datei',
    out: 'Datei, die geschrieben wird; sie enthält die Geheimnisse und ist nur für Sie lesbar',
    homeserver: 'Name des Homeservers, dem das Geheimnis gehört; Vorgabe: der Realm ohne turn.',
  },
  examples: { coturn: 'von coturn umziehen', eturnal: 'der Bericht für Programme' },
  notOnStdout:
    'die Konfiguration enthält Geheimnisse und geht nicht auf die Standardausgabe; nennen Sie mit --out eine Datei',
  cannotRead: (file, code) => `${file} ist nicht zu lesen (${code})`,
  notYaml: (file, line) => `${file} ist kein YAML: siehe Zeile ${line}`,
  fates: {
    taken: 'Übernommen',
    unneeded: 'Nicht nötig',
    unsupported: 'Nicht unterstützt, und was stattdessen zu tun ist',
    unknown: 'Unbekannt',
  },
  lines: count => `${count} Zeilen`,
  remarks: 'Was sonst von nun an anders ist',
  warnings: 'Bitte ansehen',
  todo: 'Noch auszufüllen',
  nothing: file => `${file} hat keine Einstellungen`,
  valid: file => `${file} geschrieben; sie ist gültig und nur für Sie lesbar`,
  invalid: file =>
    `${file} geschrieben; sie ist erst gültig, wenn getan ist, was unter „Noch auszufüllen“ steht`,
  next: file => `weiter:
  taciturn validate --effective --config ${file}   was gilt
  taciturn serve --config ${file}                  das Relay betreiben, sobald der alte Server steht`,
  comments: {
    head: 'Konfiguration von taciturn, gemacht mit `taciturn import`. turnserver.example.json erklärt jeden Schlüssel;\n`taciturn validate --effective` zeigt, was gilt.',
    realm: 'Der DNS-Name dieses Servers.',
    listen: 'Wo Clients sich verbinden.',
    tls: 'Das Zertifikat für tls://-Listener, mit seiner Kette. Es wird neu gelesen, wenn es sich ändert.',
    relay:
      'Die Adressen und UDP-Ports, die Gegenstellen sehen; die Firewall muss diese Ports hereinlassen.\nHinter 1:1-NAT steht eine Adresse als "lokal=öffentlich".',
    homeservers:
      'Wer Zugänge ausstellen darf.\nUm ein Geheimnis zu wechseln, stellen Sie das neue voran und entfernen das alte einen Tag später.',
    users: 'Benutzer mit festem Passwort.',
    peers: 'Private und besondere Adressen werden nie erreicht; "allow" öffnet Teile davon, etwa ein LAN.',
    limits: 'Grenzen. Was darüber ist, wird mit einem Fehler beantwortet oder verworfen.',
    credentials: 'Wie befristete Zugänge beurteilt werden.',
    protocol: 'Was in Antworten steht.',
    metrics: 'Metriken für Prometheus, /healthz und /readyz.',
    log: 'Benutzer und Adressen erscheinen als Pseudonyme: "pseudonym", "truncated", "full" oder "none".',
  },
}

export const IMPORT_TEXTS: Readonly<Record<Language, ImportTexts>> = { en: EN, de: DE }
