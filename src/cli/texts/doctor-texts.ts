import type { Language } from '../../config/messages/messages.ts'
import type { ReportLabels } from '../../doctor/report.ts'
import type { UriFault } from '../../homeserver/turn-uri.ts'

/** What the doctor's command line says; its findings are in src/doctor/texts. */
export interface DoctorTexts {
  readonly options: Readonly<
    Record<
      | 'config'
      | 'homeserver'
      | 'user'
      | 'tokenFile'
      | 'passwordFile'
      | 'turnUri'
      | 'secretFile'
      | 'fromOutside'
      | 'resolve'
      | 'stun'
      | 'livekit',
      string
    >
  >
  readonly groups: Readonly<Record<'what' | 'who' | 'how', string>>
  readonly examples: Readonly<Record<'here' | 'outside' | 'uri', string>>
  readonly environment: string
  readonly report: ReportLabels
  readonly badUri: (uri: string, fault: UriFault) => string
  readonly badHomeserver: (given: string) => string
  readonly plainHomeserver: (given: string) => string
  readonly badResolve: (given: string) => string
  readonly badStun: (given: string) => string
  readonly oneOf: string
  readonly noCredential: string
  readonly noPassword: string
  readonly emptySecret: string
  readonly cannotRead: (file: string, code: string) => string
  readonly askToken: string
  readonly askPassword: (user: string) => string
}

const EN: DoctorTexts = {
  options: {
    config: "the relay's configuration, on its machine; default: the one that the relay finds itself",
    homeserver: 'ask this homeserver for a credential, as a client does: its name, or the URL of its API',
    user: 'log in to the homeserver as this user; with --turn-uri, the fixed user of the relay',
    tokenFile: 'file with an access token of the homeserver',
    passwordFile: 'file with the password of --user',
    turnUri: 'test this URI; may be given several times',
    secretFile: 'file with the shared secret of the relay',
    fromOutside: 'leave out what only makes sense on the machine of the relay',
    resolve: 'take this address for a name, such as turn.example.org=203.0.113.7; may be given several times',
    stun: 'ask this STUN server through the relay, how the relay is seen: HOST:PORT',
    livekit: 'also look at this livekit.yaml',
  },
  groups: { what: 'What to test:', who: 'As whom:', how: 'How:' },
  examples: {
    here: 'on the machine of the relay: everything',
    outside: 'from anywhere: what a client sees',
    uri: 'one URI, without a homeserver',
  },
  environment: `Environment: TACITURN_DOCTOR_TOKEN, TACITURN_DOCTOR_PASSWORD and TACITURN_DOCTOR_SECRET hold what else is read from files.
On a terminal, what is missing is asked for.
Exit codes: 0 no errors, 1 a check failed, 2 usage, 3 configuration invalid, 4 relay not reachable, 5 refused.`,
  report: {
    effect: 'you would notice',
    summary: (errors, warnings, passed) =>
      errors + warnings === 0
        ? `All is well: ${passed} checks passed.`
        : `${errors} ${errors === 1 ? 'error' : 'errors'}, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}, ${passed} passed. Begin with the first: it may be the cause of the others.`,
  },
  badUri: (uri, fault) =>
    `"${uri}" is not a TURN URI (${fault}); write for instance turn:turn.example.org:3478?transport=udp`,
  badHomeserver: given => `"${given}" is not a homeserver; write for instance https://matrix.example.org`,
  plainHomeserver: given => `"${given}" is not encrypted, and a token goes there; write https://`,
  badResolve: given => `"${given}" is not HOST=IP, such as turn.example.org=203.0.113.7`,
  badStun: given => `"${given}" is not HOST:PORT`,
  oneOf: 'give either --homeserver or --turn-uri: the homeserver names the URIs itself',
  noCredential: 'give --secret-file FILE, or --user NAME with --password-file FILE, or --config FILE',
  noPassword: 'give the password with --password-file FILE or in TACITURN_DOCTOR_PASSWORD',
  emptySecret: 'the secret is empty',
  cannotRead: (file, code) => `cannot read ${file} (${code})`,
  askToken: 'Access token (Element: Settings, Help & About; empty to go without): ',
  askPassword: user => `Password of ${user}: `,
}

const DE: DoctorTexts = {
  options: {
    config:
      'die Konfiguration des Relays, auf seinem Rechner; wie üblich gesucht, wo nichts anderes verlangt ist',
    homeserver: 'diesen Homeserver um einen Zugang bitten, wie ein Client: sein Name oder die URL seiner API',
    user: 'sich beim Homeserver als dieser Benutzer anmelden; mit --turn-uri der feste Benutzer des Relays',
    tokenFile: 'Datei mit einem Zugriffstoken des Homeservers',
    passwordFile: 'Datei mit dem Passwort zu --user',
    turnUri: 'diese URI prüfen; mehrmals möglich',
    secretFile: 'Datei mit dem gemeinsamen Geheimnis des Relays',
    fromOutside: 'weglassen, was nur auf dem Rechner des Relays sinnvoll ist',
    resolve: 'diese Adresse für einen Namen nehmen, etwa turn.example.org=203.0.113.7; mehrmals möglich',
    stun: 'diesen STUN-Server durch das Relay fragen, wie es zu sehen ist: HOST:PORT',
    livekit: 'auch diese livekit.yaml ansehen',
  },
  groups: { what: 'Was geprüft wird:', who: 'Als wer:', how: 'Wie:' },
  examples: {
    here: 'auf dem Rechner des Relays: alles',
    outside: 'von irgendwo: was ein Client sieht',
    uri: 'eine URI, ohne Homeserver',
  },
  environment: `Umgebung: TACITURN_DOCTOR_TOKEN, TACITURN_DOCTOR_PASSWORD und TACITURN_DOCTOR_SECRET enthalten, was sonst aus Dateien gelesen wird.
An einem Terminal wird nach dem gefragt, was fehlt.
Rückgabewerte: 0 keine Fehler, 1 eine Prüfung schlug fehl, 2 Aufruf falsch, 3 Konfiguration ungültig, 4 Relay nicht erreichbar, 5 abgelehnt.`,
  report: {
    effect: 'zu merken wäre',
    summary: (errors, warnings, passed) =>
      errors + warnings === 0
        ? `Alles in Ordnung: ${passed} Prüfungen bestanden.`
        : `${errors} Fehler, ${warnings} ${warnings === 1 ? 'Warnung' : 'Warnungen'}, ${passed} bestanden. Beim ersten anfangen: er ist womöglich die Ursache der anderen.`,
  },
  badUri: (uri, fault) =>
    `„${uri}“ ist keine TURN-URI (${fault}); etwa turn:turn.example.org:3478?transport=udp schreiben`,
  badHomeserver: given => `„${given}“ ist kein Homeserver; etwa https://matrix.example.org schreiben`,
  plainHomeserver: given => `„${given}“ ist unverschlüsselt, und ein Token geht dorthin; https:// schreiben`,
  badResolve: given => `„${given}“ ist nicht HOST=IP, wie turn.example.org=203.0.113.7`,
  badStun: given => `„${given}“ ist nicht HOST:PORT`,
  oneOf: 'entweder --homeserver oder --turn-uri angeben: der Homeserver nennt die URIs selbst',
  noCredential:
    '--secret-file DATEI angeben, oder --user NAME mit --password-file DATEI, oder --config DATEI',
  noPassword: 'das Passwort mit --password-file DATEI oder in TACITURN_DOCTOR_PASSWORD angeben',
  emptySecret: 'das Geheimnis ist leer',
  cannotRead: (file, code) => `${file} ist nicht zu lesen (${code})`,
  askToken: 'Zugriffstoken (Element: Einstellungen, Hilfe & Info; leer, um ohne weiterzumachen): ',
  askPassword: user => `Passwort von ${user}: `,
}

export const DOCTOR_TEXTS: Readonly<Record<Language, DoctorTexts>> = { en: EN, de: DE }
