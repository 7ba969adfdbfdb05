import { errorText, info, okText, warn } from './entry.ts'

const CALLS_EN = 'calls ring and then stay at "connecting", or work only while both people are at home'
const CALLS_DE = 'Anrufe klingeln und bleiben dann bei „Verbinden“ stehen, oder gelingen nur zu Hause'

/** What the checks of the homeserver say. */
export const HOMESERVER = {
  'hs-ok': okText('C17', '{url} answers ({software})', '{url} antwortet ({software})'),
  'hs-unreachable': errorText(
    'C17',
    14,
    [
      'the homeserver cannot be reached',
      'no connection to {url} comes about ({detail})',
      'nobody can log in, let alone call',
      'curl -v {url}/_matrix/client/versions',
    ],
    [
      'der Homeserver ist nicht erreichbar',
      'es kommt keine Verbindung zu {url} zustande ({detail})',
      'niemand kann sich anmelden, geschweige denn anrufen',
      'curl -v {url}/_matrix/client/versions',
    ],
  ),
  'hs-slow': errorText(
    'C17',
    14,
    [
      'the homeserver does not answer',
      '{url} took more than 8 seconds for a small answer',
      'clients call without a relay when they wait in vain for its credential',
      'curl -v {url}/_matrix/client/versions   (is the homeserver overloaded, or its proxy pointing nowhere?)',
    ],
    [
      'der Homeserver antwortet nicht',
      '{url} brauchte mehr als 8 Sekunden für eine kleine Antwort',
      'Clients rufen ohne Relay an, wenn sie vergeblich auf dessen Zugang warten',
      'curl -v {url}/_matrix/client/versions   (ist der Homeserver überlastet, oder zeigt sein Proxy ins Leere?)',
    ],
  ),
  'hs-tls': errorText(
    'C17',
    14,
    [
      "the homeserver's certificate is not accepted",
      'TLS with {host} fails ({detail})',
      'clients cannot connect to the homeserver',
      'openssl s_client -connect {host} -servername {host}',
    ],
    [
      'das Zertifikat des Homeservers wird nicht anerkannt',
      'TLS mit {host} scheitert ({detail})',
      'Clients können sich nicht mit dem Homeserver verbinden',
      'openssl s_client -connect {host} -servername {host}',
    ],
  ),
  'hs-redirect': errorText(
    'C17',
    14,
    [
      'the homeserver sends us elsewhere',
      '{url} answers with a redirect to {detail}, which is not followed with a token',
      'clients cannot use this homeserver',
      'curl -v {url}/_matrix/client/versions   (the proxy must pass on /_matrix without redirects)',
    ],
    [
      'der Homeserver schickt uns woandershin',
      '{url} antwortet mit einer Umleitung zu {detail}, der wir mit einem Token nicht folgen',
      'Clients können diesen Homeserver nicht benutzen',
      'curl -v {url}/_matrix/client/versions   (der Proxy muss /_matrix ohne Umleitung weitergeben)',
    ],
  ),
  'hs-not-matrix': errorText(
    'C17',
    14,
    [
      'no homeserver there',
      '{url}/_matrix/client/versions says {status}, and no list of versions',
      'clients cannot connect to the homeserver',
      'give the URL of the client API, or let the proxy pass on /_matrix',
    ],
    [
      'dort ist kein Homeserver',
      '{url}/_matrix/client/versions sagt {status} und keine Liste von Versionen',
      'Clients können sich nicht mit dem Homeserver verbinden',
      'die URL der Client-API angeben, oder den Proxy /_matrix weitergeben lassen',
    ],
  ),
  'well-known-odd': warn(
    'C17',
    265,
    [
      '.well-known is not readable',
      '{url}/.well-known/matrix/client says {status} without a homeserver in it',
      'clients cannot be set up with the server name alone',
      '{{"m.homeserver": {{"base_url": "https://matrix.example.org"}}}}',
    ],
    [
      '.well-known ist nicht lesbar',
      '{url}/.well-known/matrix/client sagt {status} ohne einen Homeserver darin',
      'Clients lassen sich nicht allein mit dem Servernamen einrichten',
      '{{"m.homeserver": {{"base_url": "https://matrix.example.org"}}}}',
    ],
  ),
  'well-known-plain': errorText(
    'C17',
    14,
    [
      '.well-known names a plain HTTP address',
      '{url} says that the homeserver is {base}; no token goes there unencrypted',
      'clients refuse to connect',
      '"base_url": "https://…" in .well-known/matrix/client',
    ],
    [
      '.well-known nennt eine HTTP-Adresse',
      '{url} sagt, der Homeserver sei {base}; dorthin geht kein Token unverschlüsselt',
      'Clients verweigern die Verbindung',
      '"base_url": "https://…" in .well-known/matrix/client',
    ],
  ),
  'well-known-cors': warn(
    'C17',
    266,
    [
      '.well-known is closed to browsers',
      '{url}/.well-known/matrix/client lacks the header that lets web pages read it',
      'Element Web cannot find the homeserver by the server name',
      'add_header Access-Control-Allow-Origin *;   (nginx)',
    ],
    [
      '.well-known ist für Browser gesperrt',
      '{url}/.well-known/matrix/client hat nicht den Header, der Webseiten das Lesen erlaubt',
      'Element Web findet den Homeserver nicht über den Servernamen',
      'add_header Access-Control-Allow-Origin *;   (nginx)',
    ],
  ),
  'hs-closed': okText('C18', 'no credentials without a login', 'kein Zugang ohne Anmeldung'),
  'hs-open': errorText(
    'C18',
    29,
    [
      'anybody gets a credential',
      '{url} gives TURN credentials to people who are not logged in',
      'nothing; but strangers can use the relay',
      'switch off what lets guests in: {guests}, with false instead of true',
    ],
    [
      'jeder bekommt einen Zugang',
      '{url} gibt TURN-Zugänge an Leute, die nicht angemeldet sind',
      'nichts; aber Fremde können das Relay benutzen',
      'ausschalten, was Gäste hereinlässt: {guests}, mit false statt true',
    ],
  ),
  'hs-proxy': errorText(
    'C18',
    15,
    [
      'something stands before the homeserver',
      '{url}/_matrix/client/v3/voip/turnServer says {status}, which no homeserver says there',
      'clients get no relay, and Element stops asking after a 403',
      'let the reverse proxy pass on /_matrix to the homeserver unchanged',
    ],
    [
      'etwas steht vor dem Homeserver',
      '{url}/_matrix/client/v3/voip/turnServer sagt {status}, was dort kein Homeserver sagt',
      'Clients bekommen kein Relay, und Element fragt nach einem 403 nicht wieder',
      'den Reverse-Proxy /_matrix unverändert an den Homeserver weitergeben lassen',
    ],
  ),
  'no-login': info(
    'C19',
    [
      'not logged in',
      'without a token or a user, nobody can see what the homeserver hands out',
      '',
      'TACITURN_DOCTOR_TOKEN=… taciturn doctor …, or: --token-file FILE, or: --user NAME --password-file FILE',
    ],
    [
      'nicht angemeldet',
      'ohne Token oder Benutzer ist nicht zu sehen, was der Homeserver ausgibt',
      '',
      'TACITURN_DOCTOR_TOKEN=… taciturn doctor …, oder: --token-file DATEI, oder: --user NAME --password-file DATEI',
    ],
  ),
  'login-refused': errorText(
    'C19',
    13,
    [
      'the login was refused',
      'the homeserver does not take this user and password ({status} {errcode})',
      'this says nothing about calls yet',
      'give an access token instead: --token-file FILE (in Element: Settings, Help & About)',
    ],
    [
      'die Anmeldung wurde abgewiesen',
      'der Homeserver nimmt diesen Benutzer mit diesem Passwort nicht an ({status} {errcode})',
      'das sagt noch nichts über Anrufe',
      'stattdessen ein Zugriffstoken angeben: --token-file DATEI (in Element: Einstellungen, Hilfe & Info)',
    ],
  ),
  'token-refused': errorText(
    'C19',
    13,
    [
      'the access token is not valid',
      '{url} does not take this token; it may have been logged out',
      'this says nothing about calls yet',
      'give a fresh token: --token-file FILE (in Element: Settings, Help & About)',
    ],
    [
      'das Zugriffstoken gilt nicht',
      '{url} nimmt dieses Token nicht an; vielleicht wurde es abgemeldet',
      'das sagt noch nichts über Anrufe',
      'ein frisches Token angeben: --token-file DATEI (in Element: Einstellungen, Hilfe & Info)',
    ],
  ),
  'turn-given': okText(
    'C19',
    'the homeserver hands out {count} URIs',
    'der Homeserver gibt {count} URIs aus',
  ),
  'turn-empty': errorText(
    'C19',
    16,
    [
      'the homeserver knows no relay',
      '{title} answers with an empty list: {uris} or {secret} is missing in {file}, or the lifetime is 0',
      `${CALLS_EN}; Element may hide it with a public server`,
      'taciturn snippet {name}   (paste into {file}, then: {restart})',
    ],
    [
      'der Homeserver kennt kein Relay',
      '{title} antwortet mit leerer Liste: in {file} fehlt {uris} oder {secret}, oder die Lebensdauer ist 0',
      `${CALLS_DE}; Element verdeckt das womöglich mit einem öffentlichen Server`,
      'taciturn snippet {name}   (in {file} einfügen, dann: {restart})',
    ],
  ),
  'turn-404': errorText(
    'C19',
    16,
    [
      'the homeserver knows no relay',
      '{title} says 404: {uris} is missing in {file}',
      `${CALLS_EN}; Element may hide it with a public server`,
      'taciturn snippet {name}   (paste into {file}, then: {restart})',
    ],
    [
      'der Homeserver kennt kein Relay',
      '{title} sagt 404: in {file} fehlt {uris}',
      `${CALLS_DE}; Element verdeckt das womöglich mit einem öffentlichen Server`,
      'taciturn snippet {name}   (in {file} einfügen, dann: {restart})',
    ],
  ),
  'turn-403': errorText(
    'C19',
    16,
    [
      'this user gets no relay',
      '{title} says 403: guests get none, or something before it refuses',
      'calls of such users fail, and Element asks no more until it is reloaded',
      '{guests}   (in {file}, for guests), or look at the rules of the reverse proxy',
    ],
    [
      'dieser Benutzer bekommt kein Relay',
      '{title} sagt 403: Gäste bekommen keines, oder etwas davor verweigert es',
      'Anrufe solcher Benutzer scheitern, und Element fragt bis zum Neuladen nicht wieder',
      '{guests}   (in {file}, für Gäste), oder die Regeln des Reverse-Proxys ansehen',
    ],
  ),
  'turn-429': warn(
    'C19',
    150,
    [
      'too many requests',
      'the homeserver limits how often one may ask, and that is used up',
      'nothing, if it was only this test',
      'wait a minute and run the doctor again',
    ],
    [
      'zu viele Anfragen',
      'der Homeserver begrenzt, wie oft man fragen darf, und das ist aufgebraucht',
      'nichts, wenn es nur diese Prüfung war',
      'eine Minute warten und den Doktor wieder laufen lassen',
    ],
  ),
  'turn-odd': errorText(
    'C19',
    16,
    [
      'the homeserver says something odd',
      'the answer of {url} about TURN is {status}, and not the JSON that the specification asks for',
      CALLS_EN,
      'curl -H "Authorization: Bearer $TOKEN" {url}/_matrix/client/v3/voip/turnServer',
    ],
    [
      'der Homeserver sagt Merkwürdiges',
      'die Antwort von {url} zu TURN ist {status} und nicht das JSON, das die Spezifikation verlangt',
      CALLS_DE,
      'curl -H "Authorization: Bearer $TOKEN" {url}/_matrix/client/v3/voip/turnServer',
    ],
  ),
  'turn-no-uris': errorText(
    'C19',
    16,
    [
      'a credential without a relay',
      '{title} hands out a credential but no URIs: {uris} is empty in {file}',
      CALLS_EN,
      'taciturn snippet {name}   (paste into {file}, then: {restart})',
    ],
    [
      'ein Zugang ohne Relay',
      '{title} gibt einen Zugang aus, aber keine URIs: in {file} ist {uris} leer',
      CALLS_DE,
      'taciturn snippet {name}   (in {file} einfügen, dann: {restart})',
    ],
  ),
  'turn-blank': errorText(
    'C19',
    16,
    [
      'user name and password are empty',
      '{title} hands out URIs without a credential: {secret} is missing in {file}, or its secret file is empty',
      'calls fail at once in browsers, which take no such list',
      'taciturn snippet {name}   (paste into {file}, then: {restart})',
    ],
    [
      'Benutzername und Passwort sind leer',
      '{title} gibt URIs ohne Zugang aus: in {file} fehlt {secret}, oder die Datei des Geheimnisses ist leer',
      'Anrufe scheitern in Browsern sofort, die eine solche Liste nicht annehmen',
      'taciturn snippet {name}   (in {file} einfügen, dann: {restart})',
    ],
  ),
  'turn-no-ttl': warn(
    'C19',
    267,
    [
      'the answer has no lifetime',
      'the homeserver does not say how long its credential is valid',
      'clients ask again too often or too late',
      '{lifetime}   (in {file})',
    ],
    [
      'der Antwort fehlt die Lebensdauer',
      'der Homeserver sagt nicht, wie lange sein Zugang gilt',
      'Clients fragen zu oft oder zu spät wieder',
      '{lifetime}   (in {file})',
    ],
  ),
} as const
