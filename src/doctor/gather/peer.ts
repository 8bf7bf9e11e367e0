/** Sends echo requests to a peer: small ones, then one of the full MTU of the interface. */

import { type LinkRecord, RUNNING } from "../../ipc/schema.ts";
import { IpAddress } from "../../wire/ip_address.ts";
import type { EchoFacts, Fact, PeerFacts } from "../facts.ts";
import { EchoSocket } from "./echo.ts";
import { factOf, reasonOf } from "./fact.ts";
import { InterfaceNamespace, sourceFor } from "./namespace.ts";
import { usesOthers } from "./peer_route.ts";

/** Length of the IP packet of a small request: as ping sends by default over IPv4. */
const SMALL = 84;
/** The first request may wait for address resolution and for a path. */
const ATTEMPTS = 3;
const LIMIT_MS = 1000;

/** True if a text is an IP address. */
export function isPeer(text: string): boolean {
  return IpAddress.parse(text) !== undefined;
}

type Pinged = Pick<
  PeerFacts,
  "peer" | "source" | "elsewhere" | "small" | "full"
>;

/** Throws nothing: what cannot be done is the reason of a fact. */
export async function pingPeer(
  peer: string,
  link: LinkRecord,
): Promise<Pinged> {
  const address = IpAddress.parse(peer)!;
  try {
    using namespace = new InterfaceNamespace(link);
    const source = await factOf(() =>
      namespace.run(() => sourceFor(address, link.ifindex))
    );
    const elsewhere = await factOf(() =>
      namespace.run(() => usesOthers(address, link.ifindex))
    );
    const noRoute = "value" in source && source.value === undefined;
    // On an interface that the kernel does not use, a request would leave a neighbour entry there.
    const unsent = noRoute
      ? { why: "there is no route" }
      : "value" in elsewhere && elsewhere.value
      ? { why: "the kernel uses another interface" }
      : link.state !== RUNNING
      ? { why: "the interface is not running" }
      : undefined;
    const pings = unsent
      ? { small: unsent, full: unsent }
      : ping(address, link, namespace);
    return { peer: `${address}`, source, elsewhere, ...pings };
  } catch (error) {
    const unknown = { why: reasonOf(error) };
    return {
      ...{ peer, source: unknown, elsewhere: unknown },
      ...{ small: unknown, full: unknown },
    };
  }
}

function ping(
  address: IpAddress,
  { ifname, ifindex, mtu }: LinkRecord,
  namespace: InterfaceNamespace,
): { small: Fact<EchoFacts>; full: Fact<EchoFacts> } {
  let socket: EchoSocket;
  try {
    socket = namespace.run(() => new EchoSocket(address, ifname, ifindex));
  } catch (error) {
    const why = { why: reasonOf(error) };
    return { small: why, full: why };
  }
  using open = socket;
  const first = open.ping(SMALL, ATTEMPTS, LIMIT_MS);
  // The first round trip may include address resolution.
  const again = first.answered ? open.ping(SMALL, 1, LIMIT_MS) : first;
  const small = again.answered ? { ...again, sent: first.sent } : first;
  const full = small.answered
    ? { value: open.ping(mtu, ATTEMPTS, LIMIT_MS) }
    : { why: "the small one was not answered" };
  return { small: { value: small }, full };
}
