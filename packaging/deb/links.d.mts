/** The relative links of a document, as paths from the folder of all documents. */
export function linksOf(markdown: string, file: string): string[]
/** The document with the text alone where a link leads to nothing. */
export function withLiveLinks(markdown: string, file: string, isThere: (path: string) => boolean): string
