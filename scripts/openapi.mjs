// Writes docs/openapi.json, the description of the API. Run after a build.
import { writeFileSync } from 'node:fs'
import { ENDPOINTS } from '../dist/control/endpoints.js'
import { openApi } from '../dist/control/openapi.js'

writeFileSync(
  new URL('../docs/openapi.json', import.meta.url),
  `${JSON.stringify(openApi(ENDPOINTS), undefined, 2)}\n`,
)
