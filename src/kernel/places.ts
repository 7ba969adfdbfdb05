/** Where the loader listens unless it is told another folder. */
export const KERNEL_FOLDER = '/run/taciturn-kernel'
/** In that folder: where relays get the maps, and where `taciturn kernel status` and `down` ask. */
export const MAPS_SOCKET = 'maps.sock'
export const LOADER_SOCKET = 'loader.sock'
