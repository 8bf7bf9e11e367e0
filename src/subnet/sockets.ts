/** Names of the sockets in the directory of an embedded subnet: one of the subnet manager, and one of each port. */

const PORT = /^port-.*\.sock$/;

/** Returns the path of the socket to which ports connect to register. */
export function managerSocketPath(directory: string): string {
  return `${directory}/sm.sock`;
}

/** Returns the path of a port's socket, to which other ports connect. `guid` has the form `0x0002c90300000001`. */
export function portSocketPath(directory: string, guid: string): string {
  return `${directory}/port-${guid.slice(2)}.sock`;
}

/** True if the file name is that of a port's socket. */
export function isPortSocket(name: string): boolean {
  return PORT.test(name);
}
