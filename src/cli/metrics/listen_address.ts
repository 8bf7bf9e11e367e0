/** Parses the address that `ipoib metrics --listen` serves: `unix:PATH`, `ADDRESS:PORT` or `[IPV6]:PORT`. */

import { usageError } from "../errors.ts";

export type ListenAddress =
  | { readonly transport: "unix"; readonly path: string }
  | {
    readonly transport: "tcp";
    readonly hostname: string;
    readonly port: number;
  };

const UNIX = "unix:";
const HINT = "give unix:PATH, or ADDRESS:PORT as in 127.0.0.1:9788";

/** Throws `E_USAGE`. An address is required, so that metrics are not served to a network by accident. */
export function parseListenAddress(text: string): ListenAddress {
  if (text.startsWith(UNIX)) {
    const path = text.slice(UNIX.length);
    if (path === "") {
      throw usageError("The path of the socket is missing", HINT);
    }
    return { transport: "unix", path };
  }
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 0xffff) {
    throw usageError(`Cannot listen on "${text}"`, HINT);
  }
  return { transport: "tcp", hostname: match[1] ?? match[2]!, port };
}

/** Formats an address as {@linkcode parseListenAddress} reads it. */
export function listenAddressText(address: Deno.Addr): string {
  if (address.transport === "unix") return `${UNIX}${address.path}`;
  if (address.transport !== "tcp") return address.transport;
  const { hostname, port } = address;
  return hostname.includes(":")
    ? `[${hostname}]:${port}`
    : `${hostname}:${port}`;
}
