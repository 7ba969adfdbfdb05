// Lets Node run the sources as they are written, for the tests (see .taprc): tap's own loader reads the whole compiler
// into every test process, twice, and compiles every source anew, which cost more than most tests.

import { register } from 'node:module'

register('./hooks.mjs', import.meta.url)
