import type { TestKey } from './texts-en.ts'

/** The same in German. */
export const TEST_DE: Readonly<Record<TestKey, string>> = {
  title: 'Verbindungstest',
  lead: 'Wenn Anrufe nicht zustande kommen oder abbrechen, findet diese Seite heraus, warum. Sie führt über das Relay des Matrix-Servers einen Anruf mit sich selbst und misst ihn. Das dauert etwa eine halbe Minute.',
  privacy:
    'Keine Kamera, kein Mikrofon, kein Ton. Das Ergebnis mit der Adresse dieses Internetanschlusses sieht der Betreiber unter einem Code zum Vorlesen; das Relay behält es einen Tag.',
  start: 'Test starten',
  again: 'Noch einmal testen',
  'no-code':
    'Diese Seite braucht einen Link von denen, die den Server betreiben. Dort danach fragen: Er endet auf # und einen Code.',
  'no-webrtc':
    'Dieser Browser kann keine Anrufe führen (WebRTC fehlt oder ist abgeschaltet). Bitte einen anderen Browser versuchen.',
  refused: 'Der Test konnte nicht beginnen: {why}',
  'refused.link':
    'Der Link ist verbraucht oder zu alt. Bitte bei denen, die den Server betreiben, nach einem neuen fragen.',
  'header.language': 'Sprache',
  'header.theme': 'Darstellung',
  'theme.auto': 'Auto',
  'theme.light': 'Hell',
  'theme.dark': 'Dunkel',

  'ways.title': 'Wege zum Relay',
  'way.udp': 'UDP',
  'way.udp.what': 'der direkte Weg, am besten für Ton und Bild',
  'way.tcp': 'TCP',
  'way.tcp.what': 'für Netze, die UDP blockieren',
  'way.tls': 'TLS',
  'way.tls.what': 'verschlüsselt wie eine Webseite, kommt fast überall durch',
  'step.waiting': 'noch nicht geprüft',
  'step.gathering': 'das Relay wird gesucht …',
  'step.calling': 'ein Anruf wird aufgebaut …',
  'step.measuring': 'es wird gemessen …',
  'step.good': 'funktioniert',
  'step.weak': 'funktioniert, aber schlecht',
  'step.bad': 'funktioniert nicht',
  progress: '{way} wird geprüft: {step}',

  'score.title': 'Ergebnis',
  'score.excellent': 'Ausgezeichnet',
  'score.good': 'Gut',
  'score.fair': 'Mäßig',
  'score.poor': 'Schlecht',
  'score.fail': 'Fehlgeschlagen',
  'score.excellent.why': 'Anrufe funktionieren von hier aus, selbst in einem Netz, das fast alles blockiert.',
  'score.good.why': 'Anrufe funktionieren von hier aus.',
  'score.fair.why': 'Anrufe funktionieren von hier aus, aber nicht so gut, wie sie könnten.',
  'score.poor.why': 'Anrufe werden von hier aus schlecht sein.',
  'score.fail.why': 'Anrufe über das Relay funktionieren von hier aus nicht.',

  'say.all': 'Alle Wege zum Relay funktionieren.',
  'say.udp-blocked': 'UDP wird in diesem Netz blockiert; {others} funktioniert.',
  'say.tcp-blocked':
    'Einfaches TCP zum Relay wird in diesem Netz blockiert. Das schadet nicht, solange ein anderer Weg funktioniert.',
  'say.tls-blocked':
    'TLS kommt nicht durch: Dieses Netz blockiert es, oder der Browser traut dem Zertifikat des Relays nicht. In einem Netz, das die anderen Wege blockiert, gäbe es keine Anrufe.',
  'say.none-arrived':
    'Nichts von dem, was dieser Browser gesendet hat, ist beim Relay angekommen: eine Firewall in diesem Netz, oder die Adresse des Relays ist falsch.',
  'say.answers-lost':
    'Das Relay hat Pakete über {way} bekommen und geantwortet, aber die Antworten kamen nicht zurück: eine Firewall unterwegs, hier oder beim Relay.',
  'say.refused': 'Das Relay hat abgelehnt ({code}): Das muss sich der Betreiber ansehen.',
  'say.no-call':
    'Das Relay ist über {way} erreichbar, aber es kam kein Anruf zustande: Das muss sich der Betreiber ansehen.',
  'say.loss': 'Über {way} gingen {loss} der Pakete verloren. Der Ton setzt aus.',
  'say.delay': 'Hin und zurück braucht es zum Relay {delay}. Man fällt sich ins Wort.',
  'say.jitter': 'Die Pakete kommen ungleichmäßig an ({jitter}). Der Ton kann knistern.',
  'say.operator': 'Bitte dem Betreiber den Code unten vorlesen.',

  'table.title': 'Was Browser und Relay gesehen haben',
  'table.way': 'Weg',
  'table.browser': 'Dieser Browser',
  'table.relay': 'Das Relay',
  'table.quality': 'Gemessen',
  'browser.good': 'In {time} verbunden.',
  'browser.no-candidate': 'Bekam keine Antwort.',
  'browser.error': 'Wurde abgelehnt: {code} {text}',
  'browser.no-call': 'Hat das Relay erreicht, aber der Anruf kam nicht zustande.',
  'relay.nothing': 'Hat nichts von hier gesehen.',
  'relay.seen': 'Hat Pakete von hier gesehen.',
  'relay.opened': 'Hat eine Relay-Adresse geöffnet.',
  'relay.refused': 'Hat abgelehnt: {what}',
  'relay.carried': 'Hat {bytes} übertragen.',
  'relay.unknown': 'Keine Auskunft dazu.',
  'quality.delay': 'Hin und zurück {delay}',
  'quality.jitter': 'Schwankung {jitter}',
  'quality.loss': 'Verlust {loss}',
  'quality.rate': '{rate}',
  'unit.ms': '{n} ms',

  'code.title': 'Code für den Betreiber',
  'code.text': 'Diesen Code denen vorlesen, die den Server betreiben. Er führt sie zu dem, was hier steht.',
  'code.failed':
    'Das Relay hat das Ergebnis nicht angenommen ({why}). Bitte stattdessen den Bericht unten schicken.',
  'report.title': 'Bericht',
  'report.copy': 'Kopieren',
  'report.copied': 'Kopiert.',
  'report.browser': 'Browser',
  'report.when': 'Wann',
  'report.page': 'Seite',
}
