/** All files of console and test page by name, as the relay serves them. */
export function bundleConsole(): Promise<Map<string, Buffer>>
export function compressed(bytes: Uint8Array): Buffer
