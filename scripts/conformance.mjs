// Says which rules of docs/conformance.md the tests cover, by the ids in their names or in their tables of cases.
//
//   node scripts/conformance.mjs            figures per section, and what is not covered
//   node scripts/conformance.mjs --check    exits 1 if a rule has neither test nor explanation
//   node scripts/conformance.mjs --list     every rule with the tests that cover it

import { checkPage } from './test-ids.mjs'

checkPage('docs/conformance.md')
