// Says which rows of docs/advisories.md the tests cover, by the ids in their names.
//
//   node scripts/advisories.mjs            figures per section, and what is not covered
//   node scripts/advisories.mjs --check    exits 1 if a row that applies has no test, or one that does not has no reason
//   node scripts/advisories.mjs --list     every row with the tests that cover it

import { checkPage } from './test-ids.mjs'

checkPage('docs/advisories.md')
