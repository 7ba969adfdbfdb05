import { type LeaseRow, type LeasesAnswer, type LeasesAsked, SILENT, UNTOLD } from '../leases/lease-terms.ts'
import type { Database } from './database.ts'

const KEY = 'start, span, kind, homeserver, identity'
/** Rows of others that one answer has at most; the others come with the next ones, once they change. */
const MOST_ROWS = 20_000
/** Milliseconds: a change that was under way when we asked the last time is seen this time. */
const OVERLAP = 3000

const ROW = `'start', start, 'span', span, 'kind', kind, 'homeserver', homeserver, 'identity', identity,
  'used', used, 'own', coalesce((relays->$2::text->>0)::bigint, 0)`

/**
 * One statement, which locks nothing but the rows of the budgets that it is about, in the same order at every relay:
 *
 * - `here`: this relay runs. A run that the table has forgotten writes nothing, since its use was added to `base`.
 * - `told`: each row holds what every relay has used of one budget. It is changed where it is locked, so two
 *   relays never lease the same octets. `s.out` is what others have leased; the new lease is half of what is
 *   left of 1 % of the budget, and of what is left at all. Those of n relays settle at 1/(n + 1) of that each.
 * - `news`: what others have used meanwhile. Of single users only those matter who have not much left.
 */
const LEASE = `
WITH here AS (
  INSERT INTO ledger_relay (id, seen)
  SELECT $2::text, now() WHERE $3::int = 0 OR EXISTS (SELECT 1 FROM ledger_relay WHERE id = $2::text)
  ON CONFLICT (id) DO UPDATE SET seen = excluded.seen
  RETURNING id
), alive AS (
  SELECT id FROM ledger_relay WHERE seen > now() - interval '${SILENT} seconds' UNION SELECT id FROM here
), asked AS (
  SELECT (value->>0)::bigint AS start, value->>1 AS span, value->>2 AS kind, value->>3 AS homeserver, value->>4 AS identity,
    (value->>5)::bigint AS octets, (value->>6)::bigint AS own, (value->>7)::bigint AS wanted, (value->>8)::bigint AS at_least
  FROM jsonb_array_elements($1::jsonb), here
), told AS (
  INSERT INTO ledger_budget AS b (${KEY}, octets, base, relays, used, changed)
  SELECT ${KEY}, octets, greatest(0, at_least - own),
    jsonb_build_object($2::text, jsonb_build_array(own, greatest(0, least(wanted, ${half('octets', '0', 'greatest(own, at_least)')})))),
    greatest(own, at_least), now()
  FROM asked ORDER BY ${KEY}
  ON CONFLICT (${KEY}) DO UPDATE SET (octets, base, relays, used, changed) = (
    SELECT excluded.octets, t.base, s.kept || jsonb_build_object($2::text, jsonb_build_array(s.own, greatest(0, least(
      (excluded.relays->$2::text->>1)::bigint, ${half('excluded.octets', 's.out', '(t.base + s.others + s.own)')})))),
      t.base + s.others + s.own, now()
    FROM (
      SELECT
        greatest((excluded.relays->$2::text->>0)::bigint, coalesce((b.relays->$2::text->>0)::bigint, 0)) AS own,
        coalesce(sum((r.value->>0)::bigint) FILTER (WHERE known.id IS NOT NULL), 0)::bigint AS others,
        coalesce(sum((r.value->>0)::bigint) FILTER (WHERE known.id IS NULL), 0)::bigint AS gone,
        coalesce(sum((r.value->>1)::bigint) FILTER (WHERE r.key IN (SELECT id FROM alive)), 0)::bigint AS out,
        coalesce(jsonb_object_agg(r.key, r.value) FILTER (WHERE known.id IS NOT NULL), '{}'::jsonb) AS kept
      FROM jsonb_each(b.relays) AS r LEFT JOIN ledger_relay AS known ON known.id = r.key
      WHERE r.key <> $2::text
    ) AS s, LATERAL (SELECT greatest(b.base + s.gone, excluded.used - s.others - s.own) AS base) AS t
  )
  RETURNING ${KEY}, used, relays
), news AS (
  SELECT ${KEY}, used, relays FROM ledger_budget
  WHERE changed >= to_timestamp($4::bigint / 1000.0) AND (kind <> 'user' OR used >= octets * 0.8)
    AND ((span = 'day' AND start = $5::bigint) OR (span = 'month' AND start = $6::bigint))
    AND (${KEY}) NOT IN (SELECT ${KEY} FROM asked)
  LIMIT ${MOST_ROWS}
)
SELECT json_build_object(
  'now', floor(extract(epoch FROM now()) * 1000),
  'relays', (SELECT count(*) FROM alive),
  'isKnown', EXISTS (SELECT 1 FROM here),
  'told', coalesce((SELECT json_agg(json_build_object(${ROW},
    'leased', (relays->$2::text->>1)::bigint,
    'sharers', (SELECT count(*) FROM jsonb_object_keys(relays) AS id WHERE id IN (SELECT id FROM alive)))) FROM told), '[]'::json),
  'news', coalesce((SELECT json_agg(json_build_object(${ROW}, 'leased', 0, 'sharers', 1)) FROM news), '[]'::json)
)::text AS answer`

/** Half of what is left of the untold part, and of the budget itself, after what others have leased. */
function half(octets: string, out: string, used: string): string {
  return `floor((least(${octets} * ${UNTOLD}, ${octets} - ${used}) - ${out}) / 2)::bigint`
}

type Told = Omit<LeasesAnswer, 'rows'> & {
  readonly told: readonly LeaseRow[]
  readonly news: readonly LeaseRow[]
}

/** Budgets that relays share, in PostgreSQL. */
export class LeaseStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** Takes down what a relay has used, and leases it more. The same word twice changes nothing. */
  async lease({ relay, isKnown, since, day, month, asks }: LeasesAsked): Promise<LeasesAnswer> {
    const rows = asks.map(({ start, span, kind, homeserver, identity, limit, used, wanted, atLeast }) => [
      ...[start, span, kind, homeserver, identity],
      ...[limit, used, wanted, atLeast].map(Math.round),
    ])
    const [row] = await this.#database.all(LEASE, [
      JSON.stringify(rows),
      relay,
      isKnown ? 1 : 0,
      Math.max(0, since - OVERLAP),
      day,
      month,
    ])
    const { told, news, ...answer } = JSON.parse(String(row!.answer)) as Told
    return { ...answer, rows: [...told, ...news] }
  }

  /** Forgets what nobody asks about any more, and runs of relays that have been silent for a day. */
  async tidy(): Promise<void> {
    await this.#database.run(
      "DELETE FROM ledger_budget WHERE changed < now() - CASE span WHEN 'day' THEN interval '2 days' ELSE interval '40 days' END",
    )
    await this.#database.run("DELETE FROM ledger_relay WHERE seen < now() - interval '1 day'")
  }

  /** Forgets a user, by all these names. */
  async forget(users: readonly string[]): Promise<void> {
    if (users.length === 0) return
    const names = users.map((_, i) => `$${i + 1}`).join(', ')
    await this.#database.run(
      `DELETE FROM ledger_budget WHERE kind = 'user' AND identity IN (${names})`,
      users,
    )
  }
}
