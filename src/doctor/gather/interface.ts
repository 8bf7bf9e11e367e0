/** Collects the facts about an interface from its process, in the order in which counters must be read. */

import type { IpcClient } from "../../ipc/client.ts";
import type { LinkRecord, Method, Params, Result } from "../../ipc/schema.ts";
import { VERSION } from "../../ipc/version.ts";
import type {
  CounterWindow,
  Gathered,
  InterfaceFacts,
  PeerFacts,
  PortHolder,
  SubnetFacts,
} from "../facts.ts";
import { factOf } from "./fact.ts";
import { gatherNamespace, InterfaceNamespace } from "./namespace.ts";
import { pingPeer } from "./peer.ts";

/** Time limit of method `doctor`, whose query of the administrator ends after three seconds, in milliseconds. */
const DOCTOR_LIMIT_MS = 6000;

/** An interface to examine. */
export interface Examined {
  readonly client: IpcClient;
  readonly name: string;
  /** IP address of the peer, if one is examined. */
  readonly peer: string | undefined;
  /** Time limit of a call, in milliseconds. */
  readonly limitMs: number;
  /** Returns the other users of the port. */
  holders(link: LinkRecord): Promise<readonly PortHolder[]>;
  /** Returns the facts about the embedded subnet of the interface; undefined if it is on another one. */
  subnet(link: LinkRecord): Promise<SubnetFacts | undefined>;
}

/** Throws the error of the first call if the process does not answer. Other errors become facts. */
export async function gatherInterface(examined: Examined): Promise<Gathered> {
  const { client, name, peer, limitMs } = examined;
  const call = async <M extends Method>(
    method: M,
    params: Params<M>,
    timeout = limitMs,
  ): Promise<Result<M>> => await client.call(method, params, { timeout });

  const begin = performance.now();
  const [first] = await call("link.show", { name });
  const before = await factOf(() => call("stats", { name }));
  const doctor = await factOf(() =>
    call(
      "doctor",
      peer === undefined ? { name } : { name, peer },
      DOCTOR_LIMIT_MS,
    )
  );
  const addresses = await factOf(async () =>
    (await call("addr.show", { name }))[0]?.addr_info ?? []
  );
  const pinged = peer === undefined ? undefined : await pingPeer(peer, first!);
  const [link] = await call("link.show", { name });
  const subnet = await examined.subnet(link!);
  const facts = {
    link: link!,
    ownVersion: VERSION,
    doctor,
    groups: await factOf(() => call("mcg.show", { name })),
    addresses,
    namespace: await factOf(() => {
      using namespace = new InterfaceNamespace(link!);
      return namespace.run(() => gatherNamespace(link!.ifname));
    }),
    holders: await examined.holders(link!),
    counters: await factOf(async (): Promise<CounterWindow> => {
      if (!("value" in before)) throw new Error(before.why);
      const [after] = await call("stats", { name });
      const seconds = (performance.now() - begin) / 1000;
      return { before: before.value[0]!, after: after!, seconds };
    }),
  };
  return {
    facts,
    subnet,
    peer: pinged && {
      ...pinged,
      link: link!,
      route: routeOf(doctor),
      ownAddresses: addresses,
      neighbours: await factOf(() => call("neigh.show", { name })),
      paths: await factOf(() => call("path.show", { name })),
      subnet,
    },
  };
}

function routeOf(doctor: InterfaceFacts["doctor"]): PeerFacts["route"] {
  if (!("value" in doctor)) return doctor;
  const { route } = doctor.value;
  return route ? { value: route } : { why: "the process has not looked it up" };
}
