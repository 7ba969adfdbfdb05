import { errorText, info, okText, warn } from './entry.ts'

/** What the checks of MatrixRTC say, and what the doctor says of itself. */
export const MODERN = {
  'rtc-livekit': info(
    'E33',
    [
      'Element X uses LiveKit',
      "Element X and Element Call never ask for the homeserver's TURN list; they use LiveKit, which can use this relay",
      '',
      'taciturn snippet livekit',
    ],
    [
      'Element X benutzt LiveKit',
      'Element X und Element Call fragen nie nach der TURN-Liste des Homeservers; sie benutzen LiveKit, das dieses Relay benutzen kann',
      '',
      'taciturn snippet livekit',
    ],
  ),
  'rtc-none': info(
    'E33',
    [
      'no calls for Element X',
      "the homeserver names no LiveKit; Element X and Element Call need one, and do not use the homeserver's TURN list",
      '',
      '',
    ],
    [
      'keine Anrufe für Element X',
      'der Homeserver nennt kein LiveKit; Element X und Element Call brauchen eines und benutzen die TURN-Liste des Homeservers nicht',
      '',
      '',
    ],
  ),
  'livekit-ok': okText('E34', '{file} names this relay', '{file} nennt dieses Relay'),
  'livekit-missing': warn(
    'E34',
    275,
    [
      'LiveKit does not know the relay',
      'rtc.turn_servers in {file} does not name this relay',
      'group calls fail in networks that let no UDP out',
      'taciturn snippet livekit   (paste into {file})',
    ],
    [
      'LiveKit kennt das Relay nicht',
      'rtc.turn_servers in {file} nennt dieses Relay nicht',
      'Gruppenanrufe scheitern in Netzen, die kein UDP hinauslassen',
      'taciturn snippet livekit   (in {file} einfügen)',
    ],
  ),
  'livekit-secret': errorText(
    'E34',
    53,
    [
      'LiveKit has another secret',
      'the secret for {host} in {file} is none that the relay takes',
      'group calls fail in networks that let no UDP out',
      'taciturn snippet livekit   (paste into {file})',
    ],
    [
      'LiveKit hat ein anderes Geheimnis',
      'das Geheimnis für {host} in {file} ist keines, das das Relay annimmt',
      'Gruppenanrufe scheitern in Netzen, die kein UDP hinauslassen',
      'taciturn snippet livekit   (in {file} einfügen)',
    ],
  ),
  'livekit-ports': warn(
    'E34',
    276,
    [
      'LiveKit uses the same ports',
      'LiveKit takes ports {from}-{to} in {file}, and the relay {ours}: they overlap',
      'calls fail now and then, when both want the same port',
      '"relay": { "ports": "…" }, or port_range_start and port_range_end in {file}, so that they do not overlap',
    ],
    [
      'LiveKit benutzt dieselben Ports',
      'LiveKit nimmt in {file} die Ports {from}-{to}, das Relay {ours}: sie überschneiden sich',
      'hin und wieder scheitern Anrufe, wenn beide denselben Port wollen',
      '"relay": { "ports": "…" }, oder port_range_start und port_range_end in {file}, so dass sie sich nicht überschneiden',
    ],
  ),
  'openid-ok': okText('E35', 'OpenID tokens can be checked', 'OpenID-Token lassen sich prüfen'),
  'openid-missing': info(
    'E35',
    [
      'OpenID tokens cannot be checked here',
      "{url} does not serve /_matrix/federation/v1/openid/userinfo; LiveKit's authorisation service needs it, calls over TURN do not",
      '',
      'resources: [{{names: [client, federation, openid]}}]   (a listener of Synapse)',
    ],
    [
      'OpenID-Token lassen sich hier nicht prüfen',
      '{url} bietet /_matrix/federation/v1/openid/userinfo nicht an; der Autorisierungsdienst von LiveKit braucht das, Anrufe über TURN nicht',
      '',
      'resources: [{{names: [client, federation, openid]}}]   (ein Listener von Synapse)',
    ],
  ),
  'nothing-to-test': errorText(
    '–',
    90,
    ['no relay was tested', 'no TURN URI is known to test', 'unknown', 'taciturn doctor --help'],
    [
      'kein Relay wurde geprüft',
      'es ist keine TURN-URI zum Prüfen bekannt',
      'unbekannt',
      'taciturn doctor --help',
    ],
  ),
  'check-failed': warn(
    '–',
    290,
    [
      'a check did not finish',
      'check {check} ended with: {detail}',
      'unknown',
      'run the doctor again, and report it if it stays',
    ],
    [
      'eine Prüfung wurde nicht fertig',
      'die Prüfung {check} endete mit: {detail}',
      'unbekannt',
      'den Doktor wieder laufen lassen, und es melden, wenn es bleibt',
    ],
  ),
} as const
