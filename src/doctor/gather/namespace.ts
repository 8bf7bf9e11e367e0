/** Opens the network namespace of an interface, and collects facts in it. */

import { libc } from "../../../ffi/libc.ts";
import { IpoibError } from "../../base/errors.ts";
import type { LinkRecord } from "../../ipc/schema.ts";
import { Fd, openSocket } from "../../system/fd.ts";
import {
  namedNamespaces,
  namespaceInode,
  openNamespace,
  ownNamespace,
  withNamespace,
} from "../../system/namespace.ts";
import { readSmallFile } from "../../system/read_files.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import { DISABLE_IPV6, IPV4_SYSCTLS, type NamespaceFacts } from "../facts.ts";
import { addressIn, AF_INET, AF_INET6, socketAddress } from "./sockaddr.ts";

const SOCK_DGRAM_CLOEXEC = 2 | 0x80000;
/** Any port: nothing is sent. */
const DISCARD = 9;

/** Runs functions in the namespace of an interface. Disposal closes the namespace. */
export class InterfaceNamespace implements Disposable {
  readonly #fd: Fd;

  /** Throws `E_NETNS` if the namespace cannot be found by its inode. */
  constructor({ namespace, pid, ifname }: LinkRecord) {
    const inode = BigInt(namespace);
    const name = namedNamespaces().get(inode);
    const candidates = [
      () => ownNamespace(),
      ...name === undefined ? [] : [() => openNamespace(name)],
      () => openNamespace(`/proc/${pid}/ns/net`),
    ];
    for (const open of candidates) {
      const fd = opened(open);
      if (fd && namespaceInode(fd.number) === inode) {
        this.#fd = fd;
        return;
      }
      fd?.close();
    }
    throw new IpoibError(
      "E_NETNS",
      `Cannot find the network namespace of ${ifname}`,
      { hint: "run the command in this namespace" },
    );
  }

  /** Calls the synchronous function `fn` in the namespace. Throws `E_NETNS` without CAP_SYS_ADMIN. */
  run<T>(fn: () => T): T {
    return withNamespace(this.#fd.number, fn);
  }

  [Symbol.dispose](): void {
    this.#fd.close();
  }
}

function opened(open: () => Fd): Fd | undefined {
  try {
    return open();
  } catch {
    return undefined;
  }
}

/** Collects the facts about the namespace of this thread. */
export function gatherNamespace(ifname: string): NamespaceFacts {
  return {
    sysctls: sysctlsOf(ifname),
    addresses: Deno.networkInterfaces()
      .filter(({ family }) => family === "IPv4")
      .map(({ name, address, cidr }) => ({
        device: deviceOf(name),
        address,
        cidr,
      })),
  };
}

/** Returns the device of an address, whose label getifaddrs(3) gives as the name: `ib0:1` is one of ib0. */
function deviceOf(label: string): string {
  return label.split(":", 1)[0]!;
}

function sysctlsOf(ifname: string): Record<string, string> {
  const found: Record<string, string> = {};
  const note = (name: string, value: string | undefined) => {
    if (value !== undefined) found[name] = value;
  };
  for (const device of ["all", ifname]) {
    for (const name of IPV4_SYSCTLS) {
      note(`${device}.${name}`, sysctl(`ipv4/conf/${device}/${name}`));
    }
  }
  note(DISABLE_IPV6, sysctl(`ipv6/conf/${ifname}/${DISABLE_IPV6}`));
  return found;
}

function sysctl(path: string): string | undefined {
  return readSmallFile(`/proc/sys/net/${path}`)?.trim();
}

/** Returns the source address that the kernel selects for packets to `peer`; undefined without a route. Sends nothing. */
export function sourceFor(
  peer: IpAddress,
  ifindex: number,
): string | undefined {
  const family = peer.isIpv4 ? AF_INET : AF_INET6;
  using fd = openSocket(family, SOCK_DGRAM_CLOEXEC, 0);
  const to = socketAddress(peer, DISCARD, ifindex);
  if (libc().connect(fd.number, to, to.length) < 0) return undefined;
  const own = new Uint8Array(to.length);
  const size = new Uint8Array(new Uint32Array([own.length]).buffer);
  return libc().getsockname(fd.number, own, size) < 0
    ? undefined
    : `${addressIn(own)}`;
}
