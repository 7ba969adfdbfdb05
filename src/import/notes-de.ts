import type { NoteKey } from './notes-en.ts'

export const NOTES_DE: Readonly<Record<NoteKey, string>> = {
  unknown: 'weder coturn noch eturnal kennt das; es wirkte auch dort nicht',
  'unknown-guess': 'unbekannt; war „{guess}“ gemeint?',
  'not-understood': 'war nicht zu lesen; sehen Sie die Zeile an',
  'bad-value': 'der Wert war nicht zu lesen, darum gilt die Vorgabe',
  'bad-address':
    'keine IP-Adresse in der Form, die hier gebraucht wird; tragen Sie sie von Hand ein, falls sie wichtig war',
  'bad-range': 'keine Adresse und kein Adressbereich; auch der alte Server beachtete es nicht',
  'switched-off': 'es ist ausgeschaltet',
  'is-default': 'so ist es auch ohne Einstellung',
  overridden: 'Zeile {line} sagt es noch einmal, und die letzte zählt',
  twice: 'es steht schon da',

  'plain-port': 'coturn nahm an diesem Port auch TLS an; hier hat TLS einen eigenen Port',
  'tls-port':
    'coturn nahm an diesem Port auch unverschlüsselte Verbindungen an; nennen „turn:“-URIs ihn, ergänzen Sie Listener mit "udp://" und "tcp://"',
  'left-out': 'die Listener dieses Transports fehlen',
  'port-unused': 'dort lauscht nichts, weil der Transport aus ist oder kein Zertifikat hat',
  'certificate-unused': 'es gibt keinen TLS-Listener, der es brauchte',
  'no-tls': 'ohne "tls" gibt es keinen TLS-Listener',
  'no-dtls': 'DTLS wird nicht angeboten',
  dtls: 'DTLS wird nicht angeboten, und kein Browser nutzt es; "turns:" über TCP geht',
  'alternative-port': 'er diente dem Erkunden von NAT (RFC 5780), das nicht angeboten wird',
  'proxy-protocol':
    'das PROXY-Protokoll wird nicht verstanden; lassen Sie den Proxy die Adresse des Clients erhalten, oder geben Sie Clients einen Port des Relays selbst',
  device:
    'Listener und Relay-Adressen werden als Adressen angegeben: schreiben Sie die Adresse des Geräts in "listen" oder "relay.addresses"',
  'http-closed': 'was kein STUN ist, wird ohne Antwort geschlossen',
  acme: 'Anfragen für Zertifikate werden nicht umgeleitet; nutzen Sie certbot mit einem Webserver oder mit DNS',
  'auto-transport': 'TCP ist übernommen; TLS braucht einen Listener mit eigenem Port, etwa "tls://[::]:5349"',
  'both-families': 'lauscht wie zuvor auf IPv4 und IPv6',

  'local-guessed':
    'als {entry} geschrieben: die lokale Adresse ist die dieser Maschine; ändern Sie sie, wenn das Relay anderswo läuft',
  'local-unknown': 'welche lokale Adresse hinter {public} steht, ist nicht bekannt; siehe unten',
  'mapped-before': 'eine andere Zeile bildet diese lokale Adresse schon ab',
  'not-relayed-from': 'keine relay-ip nennt {local}, darum nutzte auch coturn sie nicht',
  'bad-ports': 'die beiden Grenzen ergeben keinen Bereich von Ports über 1023, darum gilt 49152-65535',
  'udp-peers': 'Gegenstellen werden nur über UDP erreicht',
  'no-udp-relay': 'über UDP weiterzugeben ist, was dieses Relay tut; es lässt sich nicht ausschalten',
  multiplex: 'jede Zuteilung hat einen eigenen Port; erweitern Sie "relay.ports", wo sie ausgehen',
  'server-relay': 'Gegenstellen werden immer an Erlaubnissen gemessen; sonst könnte jeder den Clients senden',
  'family-ipv6':
    'wer nach keiner Familie fragt, bekommt IPv4, wie RFC 8656 sagt; "relay.defaultFamily": "listener" gibt die Familie der Verbindung',

  'always-authenticated': 'Clients müssen sich immer ausweisen',
  'no-auth':
    'ein offenes Relay gibt es nicht: es würde binnen Stunden missbraucht. Geben Sie seinen Benutzern ein Geheimnis oder ein Passwort',
  'secret-is-enough': 'ein Geheimnis zu haben genügt',
  'secret-in-database': 'das Geheimnis steht in einer Datenbank, die nicht gelesen wird; siehe unten',
  separator:
    'der Name eines befristeten Benutzers wird am ersten Doppelpunkt geteilt; stellen Sie das Programm, das die Zugänge ausstellt, auf „:“',
  'expiry-in-name': 'wann ein Zugang endet, steht in seinem Namen',
  'user-beside-secret':
    'coturn beachtet feste Benutzer nicht, wo es ein gemeinsames Geheimnis gibt; tragen Sie ihn in "users" ein, wenn er hinein soll',
  'bad-user': 'kein Name und Passwort, die sich nutzen lassen; tragen Sie ihn von Hand in "users" ein',
  'user-key': 'als der Schlüssel übernommen, der er ist; er gilt nur für diesen Realm und nur für SHA-1',
  'user-key-form': 'der Schlüssel ist nicht MD5; tragen Sie den Benutzer mit seinem Passwort in "users" ein',
  database:
    'Benutzer und Geheimnisse in einer Datenbank werden nicht gelesen; turnadmin -l und -S zeigen sie, schreiben Sie sie in "users" und "homeservers"',
  'no-database': 'es gibt keine Datenbank zu fragen',
  statsdb:
    'Zahlen gehen nicht an Redis; /metrics hat sie, während Anrufe laufen, und `taciturn sessions` die Anrufe',
  oauth: 'OAuth (RFC 7635) wird nicht verstanden; kein Matrix-Homeserver nutzt es',
  'oauth-only': 'es war nur für OAuth',
  origin: 'Browser senden einem Relay kein ORIGIN',
  'secure-stun':
    'Binding-Anfragen werden allen beantwortet: die Antworten sind nicht größer als nötig, und sie sind begrenzt',
  nonces: 'jede Nonce endet nach einer Weile, ist an ihren Client gebunden und braucht keinen Speicher',
  unverified:
    'was Absendern geantwortet wird, die sich nicht ausgewiesen haben, ist auch ohne Einstellung begrenzt; "limits.unverifiedAnswersPerNetwork" ändert es',
  'invalid-dropped': 'ungültige Pakete bekommen keine Antwort und hinterlassen nichts',

  recommended: '"recommended" verbietet es',
  'deny-cidr':
    'coturn liest keine Präfixe und ließ diese stillschweigend durch; von nun an sind sie verboten',
  'deny-cidr-covered':
    'coturn liest keine Präfixe und ließ diese stillschweigend durch; "recommended" verbietet sie',
  'deny-carved': 'ohne das, was darin erlaubt ist, denn hier schlägt ein Verbot die Ausnahme',
  'allow-cidr':
    'coturn liest keine Präfixe, also war das nie offen; soll es das sein, ergänzen Sie "{range}" in "peers.allow"',
  'allow-carved': 'als Lücke in dem, was verboten ist',
  'allowed-anyway': 'nichts verbietet es',
  'relay-to-relay': 'Anrufe zwischen zwei Clients dieses Relays brauchen keine Ausnahme',
  loopback: 'öffnet diese Maschine jedem Client; entfernen Sie es, wo dies kein Test ist',
  clients: 'Clients werden nicht nach Adressen unterschieden; das tut die Firewall',

  'unlimited-user': 'es war unbegrenzt; nun gilt die Vorgabe von 200 je Benutzer',
  'unlimited-total': 'es war unbegrenzt; nun gilt die Vorgabe von 16384',
  'few-allocations': '{count} ist wenig: ein einziger Client fragt beim Verbinden womöglich nach zwanzig',
  'rate-user':
    'aus {octets} Oktetten je Sekunde in jeder Richtung einer Sitzung sind {rate} für alles eines Benutzers in beiden Richtungen zusammen geworden; erhöhen Sie es für Benutzer mit mehreren Anrufen',
  'rate-total':
    'aus {octets} Oktetten je Sekunde in jeder Richtung sind {rate} in beiden Richtungen zusammen geworden',
  'lifetime-bounds': 'in den Grenzen des Möglichen: {granted}',
  'fixed-lifetime': 'RFC 8656 will {seconds} Sekunden, und so ist es',
  'nothing-kept': 'für einen Client wird nichts aufgehoben, bevor er sich ausgewiesen hat',
  'eturnal-allocations': 'eturnal beachtete es nie; "limits.allocationsPerUser" tut, was es versprach',
  'permissions-bounded': 'es war unbegrenzt; nun gilt die Vorgabe von 256',

  fingerprint: 'Antworten haben einen FINGERPRINT, wo die Anfrage einen hat',
  'small-answers': 'Antworten sind auch ohne Einstellung so klein wie möglich',
  'nat-discovery': 'das Erkunden von NAT (RFC 5780) wird nicht angeboten; Anrufe brauchen es nicht',
  mobility:
    'Mobilität (RFC 8016) wird nicht angeboten; Clients in einem neuen Netz holen sich eine neue Zuteilung (ICE-Neustart)',
  'stun-only':
    'ein Relay, das nur Binding beantwortet, gibt es nicht; lassen Sie seinen Listener weg, oder geben Sie niemandem Zugang',
  'no-stun':
    'Binding-Anfragen werden immer beantwortet; Clients brauchen die Antwort, um ihre eigene Adresse zu finden',
  alternate:
    'andere Server werden hier nur genannt, während dieser ausläuft ("alternate"); um die Last zu teilen, nennen Sie alle in turn_uris des Homeservers, oder nutzen Sie "issue.relays"',

  'key-password':
    'der Schlüssel darf kein Passwort haben: openssl pkey -in ALT -out NEU, lesbar nur für das Relay',
  'client-certificates': 'Clients brauchen keine Zertifikate; sie haben Zugangsdaten',
  'raw-keys': 'rohe öffentliche Schlüssel (RFC 7250) werden nicht verstanden; nehmen Sie ein Zertifikat',
  ciphers: 'es gelten die Verfahren, Kurven und Parameter von Node, die mit ihm aktuell bleiben',
  'old-tls': 'nichts Älteres als TLS 1.2 wird angeboten',
  'old-tls-wanted': 'nichts Älteres als TLS 1.2 wird angeboten; jeder Client der letzten zehn Jahre kann das',
  'tls-1-2': 'TLS 1.2 bleibt neben 1.3, für Clients, die nichts anderes können',

  verbose: 'das gewöhnliche Log hat eine Zeile für jeden Anruf und jede Ablehnung',
  'log-output': 'das Log geht an die Standardfehlerausgabe; systemd nimmt es ins Journal',
  'log-binding': 'Binding-Anfragen werden in den Metriken gezählt und nicht geloggt',
  'metrics-local':
    'nur auf 127.0.0.1, mit den Namen von coturn neben unseren; ändern Sie "metrics.listen", wenn Prometheus anderswo läuft',
  'metrics-names': 'mit den Namen von coturn neben unseren',
  'metrics-path': 'die Seite ist immer unter /metrics',
  'metrics-any': 'nur auf 127.0.0.1; ändern Sie "metrics", wenn Prometheus anderswo läuft',
  'without-prometheus': 'coturn beachtet es nur neben „prometheus“',
  'user-labels':
    'keine Metrik nennt einen Benutzer; `taciturn sessions` zeigt, wer anruft, und schreibt auf, dass Sie nachsahen',
  influx: 'an InfluxDB geht nichts; lassen Sie Telegraf oder Prometheus /metrics lesen',
  'prometheus-module':
    '/metrics gibt das Relay selbst aus, ohne TLS, mit anderen Namen: siehe docs/metrics.md',
  'example-module': 'es tut nichts',

  'service-manager': 'das ist Sache der Diensteverwaltung',
  tuning: '"workers" und "udp" finden selbst, was zur Maschine passt',
  'drain-count': 'das Auslaufen wartet auf den letzten Anruf; "stop.deadline" begrenzt es',
  cli: '`taciturn status` und `taciturn sessions` nutzen einen lokalen Socket, ohne Port und Passwort',
  'no-cli': 'es gibt keinen solchen Port',
  'web-admin': 'das Relay hat eine eigene Konsole; siehe "console" in turnserver.example.json',
  'command-line': 'es gehört auf eine Befehlszeile',

  'private-closed':
    'private Netze standen den Clients des alten Servers wenigstens zum Teil offen; nun sind sie zu. Müssen Clients ein LAN erreichen, ergänzen Sie es in "peers.allow"',
  'other-family':
    'diese Maschine hat auch {addresses}; ergänzen Sie sie in "relay.addresses", um auch von dort weiterzugeben',
  'client-lists': 'blacklist und whitelist galten auch für Clients; hier gelten sie nur für Gegenstellen',

  'todo-local':
    'relay.addresses: schreiben Sie "LOKAL={public}", mit der Adresse der Maschine des Relays statt LOKAL',
  'todo-listen': 'listen: kein Listener blieb übrig; bis Sie einen schreiben, gilt die Vorgabe',
  'todo-secret':
    'homeservers: schreiben Sie das Geheimnis hinein, das der Homeserver nutzt (turnadmin -S zeigt es, oder turn_shared_secret in homeserver.yaml)',
  'todo-eturnal-secret':
    'homeservers: schreiben Sie das Geheimnis hinein, das der Homeserver nutzt (ETURNAL_SECRET, oder turn_shared_secret in homeserver.yaml)',
  'todo-issuer':
    'homeservers: der alte Server ließ jeden ein; schreiben Sie das Geheimnis eines Homeservers hinein, oder "users" mit Passwörtern',
  'todo-certificate':
    'tls: eturnal machte sich selbst ein Zertifikat; Clients brauchen eines, dem sie trauen. Ergänzen Sie damit "tls://0.0.0.0:5349" in "listen"',
}
