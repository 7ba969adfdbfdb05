import type { MessageKey } from './messages-en.ts'

/** The German texts of `messages-en.ts`. */
export const MESSAGES_DE: Readonly<Record<MessageKey, readonly [what: string, mend: string]>> = {
  // JSON
  syntax: ['das ist kein gültiges JSON ({what})', 'mit turnserver.example.json vergleichen'],
  'syntax-InvalidSymbol': [
    'dieses Wort ist weder Text noch Zahl',
    'Texte in doppelte Anführungszeichen setzen',
  ],
  'syntax-InvalidNumberFormat': [
    'das ist keine Zahl',
    'nur Ziffern schreiben, oder einen Text in doppelte Anführungszeichen setzen',
  ],
  'syntax-PropertyNameExpected': [
    'hier wird ein Schlüssel erwartet',
    '"Schlüssel": Wert schreiben, den Schlüssel in doppelten Anführungszeichen',
  ],
  'syntax-ValueExpected': [
    'hier wird ein Wert erwartet',
    'einen Wert schreiben, oder entfernen, was zu ihm hinführt',
  ],
  'syntax-ColonExpected': [
    'zwischen Schlüssel und Wert fehlt ein Doppelpunkt',
    '"Schlüssel": Wert schreiben',
  ],
  'syntax-CommaExpected': ['davor fehlt ein Komma', 'hinter den vorigen Wert ein Komma setzen'],
  'syntax-CloseBraceExpected': ['eine schließende Klammer } fehlt', 'jede { mit einer } schließen'],
  'syntax-CloseBracketExpected': ['eine schließende Klammer ] fehlt', 'jede [ mit einer ] schließen'],
  'syntax-EndOfFileExpected': [
    'nach dem Ende der Konfiguration folgt noch etwas',
    'entfernen, was hinter der letzten } steht',
  ],
  'syntax-UnexpectedEndOfString': [
    'dem Text fehlt das schließende Anführungszeichen',
    'ihn in derselben Zeile mit einem doppelten Anführungszeichen beenden',
  ],
  'syntax-UnexpectedEndOfComment': ['der Kommentar hat kein Ende', 'ihn mit */ beenden'],
  'syntax-UnexpectedEndOfNumber': ['die Zahl bricht ab', 'die Zahl vervollständigen'],
  'syntax-InvalidUnicode': [
    'auf \\u folgen nicht vier hexadezimale Ziffern',
    '\\u00e4 schreiben, oder das Zeichen selbst',
  ],
  'syntax-InvalidEscapeCharacter': [
    'dieses Zeichen kann nicht auf einen Rückstrich folgen',
    '\\\\ für einen Rückstrich schreiben',
  ],
  'syntax-InvalidCharacter': [
    'ein Text enthält ein Steuerzeichen',
    '\\t für einen Tabulator schreiben, \\n für eine neue Zeile',
  ],
  'duplicate-key': ['"{key}" steht hier zweimal, zuerst in Zeile {line}', 'eines von beiden behalten'],
  'unknown-key': [
    '"{key}" ist kein Schlüssel dieses Abschnitts',
    'ihn entfernen; turnserver.example.json nennt alle Schlüssel',
  ],
  'unknown-key-guess': ['"{key}" ist kein Schlüssel dieses Abschnitts', 'war "{guess}" gemeint?'],
  'missing-key': ['"{key}" fehlt', 'es ergänzen; turnserver.example.json zeigt, wie'],

  // Arten von Werten
  'want-text': ['erwartet wird ein Text, nicht {found}', 'ihn in doppelte Anführungszeichen setzen'],
  'want-number': [
    'erwartet wird eine ganze Zahl, nicht {found}',
    'Ziffern ohne Anführungszeichen schreiben, etwa 200',
  ],
  'want-boolean': [
    'erwartet wird true oder false, nicht {found}',
    'true oder false ohne Anführungszeichen schreiben',
  ],
  'want-list': ['erwartet wird eine Liste, nicht {found}', 'sie in eckige Klammern setzen: [ … ]'],
  'want-object': ['erwartet wird ein Abschnitt, nicht {found}', 'ihn in geschweifte Klammern setzen: { … }'],
  'want-duration': [
    'erwartet wird eine Dauer, nicht {found}',
    'eine Zahl mit Einheit in doppelten Anführungszeichen schreiben, etwa "90s" oder "1h"',
  ],
  'want-rate': [
    'erwartet wird eine Bitrate, nicht {found}',
    'sie mit Einheit in doppelten Anführungszeichen schreiben, etwa "2 Mbit/s", oder "unlimited"',
  ],
  'want-bound': [
    'erwartet wird eine Zahl, nicht {found}',
    'eine ganze Zahl ab 1 schreiben, oder "unlimited"',
  ],
  'want-secret': [
    'erwartet wird ein Geheimnis, nicht {found}',
    'einen Text in doppelten Anführungszeichen schreiben, oder { "file": "/pfad" }',
  ],
  'want-software': [
    'erwartet wird ein Text oder false, nicht {found}',
    'false schreiben, oder einen Text von höchstens 127 Zeichen',
  ],
  'want-metrics': [
    'erwartet wird eine Adresse oder false, nicht {found}',
    '"http://127.0.0.1:9641" schreiben, oder false',
  ],
  'want-workers': [
    'erwartet wird eine Zahl von Threads oder "auto", nicht {found}',
    '"auto" schreiben, oder eine Zahl von 1 bis 64',
  ],
  'workers-dgram': [
    '{given} workers brauchen den nativen UDP-Transport, um sich Lauscher zu teilen, und udp ist "dgram"',
    'udp auf "auto" setzen, oder workers auf "auto" oder 1',
  ],
  'want-md5': [
    'das sind keine 32 hexadezimalen Ziffern',
    'die Ausgabe schreiben von: printf %s NAME:REALM:PASSWORT | md5sum',
  ],
  'want-sha256': [
    'das sind keine 64 hexadezimalen Ziffern',
    'die Ausgabe schreiben von: printf %s NAME:REALM:PASSWORT | sha256sum',
  ],
  'want-domain': ['das ist kein Domainname', 'einen Namen wie "turn2.example.org" schreiben'],
  'wrong-type': [
    'diese Art von Wert wird hier nicht erwartet: {found}',
    'mit turnserver.example.json vergleichen',
  ],
  'not-one-of': ['{given} ist keines von: {choices}', '"{guess}" schreiben, oder ein anderes davon'],
  'too-small': ['{given} ist zu klein', '{min} oder mehr schreiben'],
  'too-big': ['{given} ist zu groß', '{max} oder weniger schreiben'],
  'long-text': ['der Text ist zu lang', 'höchstens {max} Zeichen schreiben'],
  'empty-text': ['der Text ist leer', 'etwas schreiben, oder den Schlüssel entfernen'],
  'empty-list': [
    'die Liste ist leer',
    'einen Eintrag ergänzen, oder den Schlüssel entfernen, dann gilt die Vorgabe',
  ],

  // Dauern und Raten
  duration: [
    '"{given}" ist keine Dauer',
    'ganze Sekunden, Minuten, Stunden oder Tage schreiben, etwa "90s", "10m", "1h" oder "7d"',
  ],
  'duration-without-unit': [
    '"{given}" hat keine Einheit',
    '"{given}s" schreiben, wenn Sekunden gemeint sind',
  ],
  'duration-short': ['"{given}" ist zu kurz', '"{min}" oder mehr schreiben'],
  'duration-long': ['"{given}" ist zu lang', '"{max}" oder weniger schreiben'],
  rate: ['"{given}" ist keine Bitrate', 'etwa "2 Mbit/s", "500 kbit/s", "1 MB/s" oder "unlimited" schreiben'],
  'rate-without-unit': [
    '"{given}" hat keine Einheit',
    '"{given} bit/s" schreiben, oder mit kbit/s oder Mbit/s',
  ],
  'rate-small': [
    '"{given}" ist weniger, als ein Gespräch braucht',
    '"{min}" oder mehr schreiben, oder "unlimited"',
  ],

  // Adressen
  listener: [
    '"{given}" ist kein Lauscher',
    'Transport://Adresse:Port schreiben, etwa "udp://0.0.0.0:3478" oder "tls://[::]:5349"',
  ],
  'listener-transport': ['auf "{given}" lauschen wir nicht', 'udp://, tcp:// oder tls:// schreiben'],
  'listener-tls': [
    '{given} braucht ein Zertifikat',
    '"tls": { "certificate": "…", "key": "…" } ergänzen, oder diesen Lauscher entfernen',
  ],
  'listener-overlap': [
    '{given} und {other} nähmen denselben Port',
    'eines entfernen, oder ihm einen anderen Port geben',
  ],
  'host-any': [
    '"{given}" nennt keine Adresse',
    '0.0.0.0 für alle IPv4-Adressen schreiben, [::] für alle IPv6-Adressen',
  ],
  'host-name': [
    '"{given}" ist keine IP-Adresse',
    'die Adresse selbst schreiben; Namen werden hier nicht aufgelöst',
  ],
  'host-zone': ['"{given}" nennt eine Netzwerkschnittstelle', 'eine Adresse ohne % schreiben'],
  'host-brackets': [
    'die IPv6-Adresse {given} steht ohne Klammern',
    'die Adresse in Klammern schreiben und den Port dahinter, etwa [2001:db8::7]:3478',
  ],
  port: ['{given} ist kein Port', 'eine Zahl bis 65535 schreiben'],
  'http-address': [
    '"{given}" ist keine Adresse für die Metriken',
    'http://, eine IP-Adresse und einen Port schreiben, etwa "http://127.0.0.1:9641"',
  ],
  alternate: [
    '"{given}" ist keine Adresse, an die sich Clients wenden könnten',
    'IP-Adresse und Port schreiben, etwa "203.0.113.8:3478"',
  ],
  'alternate-family': [
    'es gibt mehrere Ausweichadressen mit {family}; Clients erfahren die erste',
    'je Familie eine Adresse behalten',
  ],
  'metrics-overlap': ['dort lauscht schon {other}', 'einen anderen Port wählen, etwa 9641'],
  'metrics-open': [
    'die Metriken unter {given} kann lesen, wer diese Adresse erreicht',
    '127.0.0.1 nehmen, oder sie mit einer Firewall schützen',
  ],
  'want-control': [
    'erwartet wird ein Pfad, "auto" oder false, nicht {found}',
    '"auto" schreiben, einen Pfad wie "/run/taciturn/control.sock", oder false',
  ],
  'want-console': [
    'erwartet wird eine Adresse, ein Abschnitt oder false, nicht {found}',
    '"http://127.0.0.1:9642" schreiben, oder false',
  ],
  'console-address': [
    '"{given}" ist keine Adresse für die Konsole',
    'http://, eine IP-Adresse und einen Port schreiben, etwa "http://127.0.0.1:9642"; TLS kommt vom Reverse Proxy',
  ],
  'public-url': [
    'unter "{given}" kann kein Browser die Konsole öffnen',
    'http:// oder https:// und einen Namen schreiben, ohne Pfad, etwa "https://turn.example.org"',
  ],
  'console-overlap': ['dort lauscht schon {other}', 'einen anderen Port wählen, etwa 9642'],
  'console-open': [
    'die Konsole unter {given} könnte benutzen, wer diese Adresse erreicht',
    '"tokens" angeben, oder 127.0.0.1 nehmen und `taciturn console`',
  ],
  'console-plain': [
    'Tokens für die Konsole gehen unverschlüsselt über das Netz an {given}',
    '127.0.0.1 hinter einem Reverse Proxy mit TLS nehmen und "publicUrl" setzen',
  ],
  'token-one-of': [
    'ein Token steht entweder hier oder in einer Datei',
    'genau eines von "token" und "tokenFile" schreiben',
  ],
  'token-twice': [
    'zwei Tokens heißen "{given}"',
    'jedem Token einen eigenen Namen geben; das Zugriffsprotokoll nennt ihn',
  ],
  'token-shared': [
    'ein anderes Token hat denselben Wert, also sind sie nicht zu unterscheiden',
    'allen ein eigenes Token geben; `openssl rand -hex 32` erzeugt eines',
  ],
  'relay-address': [
    '"{given}" ist keine Adresse, von der aus vermittelt werden kann',
    '"auto" schreiben, eine IP-Adresse ohne Klammern und Port, oder "10.0.0.5=203.0.113.7" für lokal=öffentlich',
  ],
  'relay-address-families': [
    '"{given}" mischt IPv4 und IPv6',
    'zwei Adressen einer Familie schreiben: lokal=öffentlich',
  ],
  'relay-address-host': [
    '{given} ist nicht die Adresse eines einzelnen Rechners',
    '"auto" schreiben, oder eine Adresse dieses Rechners',
  ],
  'relay-address-twice': ['{given} steht hier zweimal', 'eines von beiden behalten'],
  ports: ['"{given}" ist kein Bereich von Ports', 'den ersten und den letzten schreiben, etwa "49152-65535"'],
  'ports-backwards': ['"{given}" läuft rückwärts', '"{mend}" schreiben'],
  'ports-low': ['Port {given} gehört dem System', 'bei 1024 oder darüber beginnen; üblich ist "49152-65535"'],
  'ports-few': [
    '"{given}" ist ein einziger Port',
    'jedes Gespräch braucht mindestens zwei; üblich ist "49152-65535"',
  ],
  'ports-scarce': [
    'zum Vermitteln gibt es nur {ports} Ports',
    'ein Gespräch belegt zwei oder mehr; einen größeren Bereich erlauben',
  ],
  'range-not-an-address': [
    '"{given}" ist weder Adresse noch Bereich',
    '"10.0.0.0/8", "192.0.2.7", "192.0.2.1-192.0.2.9" oder dasselbe in IPv6 schreiben',
  ],
  'range-not-a-prefix': [
    '"{given}" hat keine gültige Präfixlänge',
    'hinter den Schrägstrich eine Zahl schreiben: bis 32 bei IPv4, bis 128 bei IPv6',
  ],
  'range-host-bits': [
    '"{given}" hat gesetzte Bits hinter dem Präfix',
    '"{network}" für das Netz schreiben, oder "{host}" für die eine Adresse',
  ],
  'range-backwards': ['"{given}" läuft rückwärts', 'die kleinere Adresse zuerst schreiben'],
  'range-two-families': ['"{given}" mischt IPv4 und IPv6', 'zwei Bereiche schreiben, für jede einen'],
  'range-recommended': [
    '"recommended" kann nur gesperrt werden',
    'hier die Bereiche selbst nennen, etwa "192.168.1.0/24"',
  ],
  'range-mapped': [
    '::ffff:0:0/96 bewirkt nichts: solche Adressen gelten als die IPv4-Adressen, für die sie stehen',
    'es entfernen',
  ],
  'peers-open': [
    'Benutzer des Relays erreichen private und besondere Adressen dieses Netzes',
    '"recommended" unter "deny" eintragen und einzelne Bereiche mit "allow" öffnen',
  ],

  // Namen
  realm: [
    '"{given}" kann kein Realm sein',
    'den DNS-Namen dieses Servers schreiben: bis 127 Zeichen, ohne Leerzeichen, Anführungszeichen und Rückstriche',
  ],
  'homeserver-name': [
    '"{given}" kann kein Name eines Homeservers sein',
    'seinen Servernamen schreiben: ohne Leerzeichen, Anführungszeichen und Rückstriche',
  ],
  'homeserver-twice': [
    '"{given}" heißt auch homeservers[{first}]',
    'jedem Homeserver einen eigenen Namen geben, oder beide Geheimnisse unter einem nennen',
  ],
  'homeserver-secret': [
    '"{given}" hat kein Geheimnis',
    '"secrets": ["…"] oder "secretFile": "/pfad" ergänzen; `openssl rand -hex 32` macht eines',
  ],
  'user-name': ['das kann kein Benutzername sein', '1 bis 508 Oktette ohne Steuerzeichen schreiben'],
  'user-name-timed': [
    '"{given}" sieht aus wie der Name eines befristeten Zugangs',
    'den Namen mit einem Buchstaben beginnen',
  ],
  'user-twice': ['"{given}" heißt auch users[{first}]', 'eines von beiden behalten'],
  'user-password-missing': ['"{given}" hat kein Passwort', '"password" oder "keys" ergänzen'],
  'user-password-twice': ['"{given}" hat Passwort und Schlüssel', 'eines von beiden behalten'],
  'password-guessable': [
    'das Passwort von "{given}" ist das erste, das jeder versucht',
    'ein anderes wählen; `openssl rand -base64 18` macht eines',
  ],
  'password-short': ['das Passwort von "{given}" ist kurz', 'eines von 12 Zeichen oder mehr wählen'],
  'turn-uri': [
    '"{given}" ist kein TURN-URI; an so einem scheitert in Browsern jeder Anruf',
    '"turn:HOST:PORT?transport=udp" oder "turns:HOST:PORT?transport=tcp" schreiben',
  ],
  'turn-uri-stun': [
    '"{given}" ist ein STUN-URI, den Matrix hier nicht erlaubt',
    '"turn:" schreiben; TURN-Server beantworten auch STUN',
  ],
  'no-issuer': [
    'niemand könnte dieses Relay benutzen: es gibt weder Homeserver noch Benutzer',
    'einen Homeserver mit Geheimnis ergänzen; `taciturn init` schreibt so eine Datei',
  ],
  'all-paused': [
    'jeder Homeserver ist angehalten, niemand kann eine Allokation öffnen',
    '"paused" auf false setzen',
  ],

  // Geheimnisse
  'secret-short': [
    'das Geheimnis hat {length} Zeichen und ist zu erraten',
    '{min} oder mehr nehmen; `openssl rand -hex 32` macht eines',
  ],
  'secret-repetitive': [
    'das Geheimnis wiederholt wenige Zeichen und ist zu erraten',
    'ein zufälliges nehmen; `openssl rand -hex 32` macht eines',
  ],
  'secret-example': [
    'das Geheimnis ist ein Beispiel aus einer Anleitung, jeder kennt es',
    'ein eigenes nehmen; `openssl rand -hex 32` macht eines',
  ],
  'secret-space': [
    'das Geheimnis beginnt oder endet mit Leerraum, den Homeserver abschneiden',
    'den Leerraum auf beiden Seiten entfernen',
  ],
  'secret-one-of': [
    'ein Geheimnis ist entweder angegeben oder in einer Datei',
    'genau eines von "value" und "file" schreiben',
  ],
  'secret-shared': [
    'homeservers[{first}] hat dasselbe Geheimnis, ihre Benutzer sind so nicht zu unterscheiden',
    'jedem Homeserver ein eigenes Geheimnis geben',
  ],
  'secret-repeated': ['dieses Geheimnis steht hier zweimal', 'eines von beiden behalten'],
  'secret-world': ['jeder auf diesem Rechner kann {file} lesen', 'chmod 600 {file}'],
  'secret-file-empty': ['{file} ist leer', 'openssl rand -hex 32 > {file}'],
  'secret-lines': [
    '{file} hat mehrere Zeilen',
    'ein Geheimnis darin lassen; weitere kommen in eigene Dateien unter "secrets"',
  ],
  'config-world': ['jeder auf diesem Rechner kann die Geheimnisse in {file} lesen', 'chmod 600 {file}'],

  // Dateien
  'path-variable': [
    '"{given}" beginnt mit einer Variablen',
    'den Pfad selbst schreiben; nur $CREDENTIALS_DIRECTORY/name ist bekannt',
  ],
  'path-credentials': [
    'CREDENTIALS_DIRECTORY ist nicht gesetzt, "{given}" führt ins Leere',
    'LoadCredential={name}:/pfad/zur/datei in die systemd-Unit schreiben',
  ],
  'file-missing': ['{file} gibt es nicht', 'die Datei anlegen, oder den Pfad berichtigen'],
  'file-unreadable': ['Benutzer {user} darf {file} nicht lesen', 'setfacl -m u:{user}:r {file}'],
  'file-folder': ['{file} ist ein Ordner', 'die Datei darin nennen'],
  'file-error': ['{file} ist nicht zu lesen ({code})', 'die Datei und ihren Datenträger ansehen'],
  'state-unwritable': [
    'das Geheimnis ist in {folder} nicht aufzubewahren ({code})',
    'mit TACITURN_STATE einen beschreibbaren Ordner nennen, oder mit `taciturn init` eine Konfiguration anlegen',
  ],

  // Zertifikate
  'certificate-form': [
    '{file} enthält kein Zertifikat in PEM-Form',
    'die Datei nennen, die mit -----BEGIN CERTIFICATE----- beginnt, meist fullchain.pem',
  ],
  'certificate-is-key': [
    '{file} ist ein privater Schlüssel',
    'ihn unter "key" nennen, und hier das Zertifikat',
  ],
  'key-form': [
    '{file} enthält keinen privaten Schlüssel in PEM-Form',
    'die Datei nennen, die mit -----BEGIN PRIVATE KEY----- beginnt, meist privkey.pem',
  ],
  'key-is-certificate': [
    '{file} ist ein Zertifikat',
    'es unter "certificate" nennen, und hier den privaten Schlüssel',
  ],
  'key-encrypted': [
    '{file} ist mit einer Passphrase verschlossen, die beim Start niemand eingibt',
    'openssl pkey -in {file} -out unlocked.pem',
  ],
  'key-mismatch': [
    '{key} ist nicht der Schlüssel von {certificate}',
    'die beiden Dateien nennen, die zusammen ausgestellt wurden',
  ],
  'key-world': ['jeder auf diesem Rechner kann {file} lesen', 'chmod 600 {file}'],
  'certificate-expired': ['{file} ist am {date} abgelaufen', 'es erneuern; bis dahin lehnen Clients TLS ab'],
  'certificate-early': ['{file} gilt nicht vor dem {date}', 'die Uhr dieses Rechners prüfen'],
  'certificate-chain': [
    '{file} enthält kein Zwischenzertifikat, manche Clients werden es ablehnen',
    'die Datei mit der ganzen Kette nennen, meist fullchain.pem',
  ],
  'tls-unused': [
    'es gibt ein Zertifikat, aber keinen Lauscher tls://',
    '"tls://0.0.0.0:5349" unter "listen" ergänzen',
  ],

  // Ausstellen
  'issue-address': [
    '"{given}" ist keine Adresse, an der Zugangsdaten ausgegeben werden können',
    'http://, eine IP-Adresse und einen Port schreiben, etwa "http://127.0.0.1:8088"; TLS macht der Reverse Proxy',
  ],
  'issue-lifetime-short': [
    '"{given}" ist so kurz, dass Clients abgelaufene Zugangsdaten haben: sie sehen alle zehn Minuten nach und erneuern, was noch zehn Minuten gilt',
    '"20m" oder mehr schreiben; üblich ist "24h"',
  ],
  'issue-lifetime-long': [
    'Zugangsdaten würden {given} gelten, aber credentials.maxLifetime weist ab, was länger als {max} gilt',
    '"{max}" oder weniger schreiben, oder credentials.maxLifetime erhöhen',
  ],
  'issue-overlap': ['dort lauscht schon {other}', 'einen anderen Port wählen, etwa 8088'],
  'issue-open': [
    'Zugangsdaten werden unter {given} unverschlüsselt an jeden ausgegeben, der diese Adresse erreicht',
    '127.0.0.1 hinter einem Reverse Proxy mit TLS nehmen, oder die Adresse mit einer Firewall schützen',
  ],
  'issue-off': [
    'für "{given}" soll ausgestellt werden, aber nichts lauscht',
    '"issue": {} ergänzen, oder "standIn", "backends" und "openid" entfernen',
  ],
  'issue-unused': [
    'es gibt niemanden, für den Zugangsdaten auszustellen wären',
    'einem Homeserver "standIn", "backends" oder "openid" geben, oder "issue" entfernen',
  ],
  'issue-name-twice': [
    '"{given}" führt schon zu homeservers[{first}]',
    'eines von beiden behalten; mit "hosts" bekommt jeder Stellvertreter eigene Namen',
  ],
  'homeserver-url': [
    '"{given}" ist nicht die Basis einer Client-API',
    'sie wie in einer Anmeldemaske schreiben, etwa "http://127.0.0.1:8008" oder "https://matrix.example.org"',
  ],
  'homeserver-url-path': ['"{given}" geht zu weit', '/_matrix und was folgt weglassen'],
  'stand-in-plain': [
    'Zugangstoken gehen unverschlüsselt an den Homeserver',
    'https:// schreiben, oder eine Adresse dieses Rechners oder seines Netzes',
  ],
  'host-header': [
    '"{given}" ist kein Rechnername',
    'den Namen ohne Port schreiben, etwa "matrix.example.org"',
  ],
  'server-name': [
    '"{given}" ist nicht der Name eines Matrix-Servers',
    'schreiben, was in seinen Benutzer-IDs nach dem ersten Doppelpunkt steht, etwa "example.org", oder "*.example.org"',
  ],
  'openid-everybody': [
    '"{given}" ließe jeden ein, denn jeder kann einen Matrix-Server betreiben',
    'die Server nennen, oder Domains wie "*.example.org"',
  ],
  origin: ['"{given}" ist kein Origin', '"https://app.example.org" ohne Pfad schreiben, oder "*"'],
  'api-key-one-of': [
    'ein Schlüssel steht entweder hier oder in einer Datei',
    'genau eines von "apiKey" und "apiKeyFile" schreiben',
  ],
  'api-key-shared': [
    'ein anderes Backend hat denselben Schlüssel, also sind sie nicht zu unterscheiden',
    'jedem Backend einen eigenen Schlüssel geben; `openssl rand -hex 32` erzeugt einen',
  ],
  'backend-twice': ['zwei Backends heißen "{given}"', 'jedem Backend einen eigenen Namen geben'],
  'secret-in-memory': [
    'das Geheimnis von "{given}" lässt sich nicht in {folder} aufbewahren, also enden seine Zugangsdaten mit diesem Prozess',
    'mit "state" einen Ordner nennen, in den geschrieben werden kann',
  ],
}
