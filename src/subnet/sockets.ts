/** The sockets in the folder of an embedded subnet: that of the subnet manager, and one of each port. */

const PORT = /^port-.*\.sock$/;

/** Where ports find the subnet manager. */
export function managerSocketPath(folder: string): string {
  return `${folder}/sm.sock`;
}

/** Where other ports find the port with this GUID, which is written as `0x0002c90300000001`. */
export function portSocketPath(folder: string, guid: string): string {
  return `${folder}/port-${guid.slice(2)}.sock`;
}

/** True if a file of that name is the socket of a port. */
export function isPortSocket(name: string): boolean {
  return PORT.test(name);
}
