import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'puppeteer-core'

const SOURCE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface Violation {
  readonly id: string
  readonly help: string
  readonly nodes: readonly { readonly target: readonly string[]; readonly failureSummary?: string }[]
}

/** What axe finds wrong with the page as it is: WCAG 2.2 up to AA, and best practices. */
export async function barriers(page: Page): Promise<string[]> {
  // Evaluated over the debugger, which the page's content security policy does not bind.
  await page.evaluate(SOURCE)
  const found = (await page.evaluate(
    'axe.run(document, { resultTypes: ["violations"] }).then(r => r.violations)',
  )) as Violation[]
  return found.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${help}: ${target.join(' ')} ${failureSummary ?? ''}`),
  )
}
