/** Octets that Linux takes for the path of a Unix socket (unix(7): 108 with the zero at its end). */
export const LONGEST_SOCKET_PATH = 107
