/** Collects the facts about an interface from its process, in the order in which counters must be read. */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";
import type { IpcClient } from "../../ipc/client.ts";
import type {
  LinkRecord,
  Method,
  Params,
  Result,
  StatsRecord,
} from "../../ipc/schema.ts";
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
  const call: Call = async (method, params, timeout = limitMs) =>
    await client.call(method, params, { timeout });

  const begin = performance.now();
  const first = await linkOf(call, name);
  const before = await factOf(() => statsOf(call, name));
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
  const pinged = peer === undefined ? undefined : await pingPeer(peer, first);
  // After what may have changed the state, the neighbours and the counters.
  const link = await linkOf(call, name);
  const subnet = await examined.subnet(link);
  const facts: InterfaceFacts = {
    ...{ link, doctor, addresses },
    ownVersion: VERSION,
    groups: await factOf(() => call("mcg.show", { name })),
    namespace: await factOf(() => {
      using namespace = new InterfaceNamespace(link);
      return namespace.run(() => gatherNamespace(link.ifname));
    }),
    holders: await examined.holders(link),
    counters: await factOf(async (): Promise<CounterWindow> => {
      if (!("value" in before)) throw new Error(before.why);
      const after = await statsOf(call, name);
      const seconds = (performance.now() - begin) / 1000;
      return { before: before.value, after, seconds };
    }),
  };
  if (!pinged) return { facts, subnet, peer: undefined };
  return {
    facts,
    subnet,
    peer: {
      ...pinged,
      ...{ link, subnet },
      route: routeOf(doctor),
      ownAddresses: addresses,
      neighbours: await factOf(() => call("neigh.show", { name })),
      paths: await factOf(() => call("path.show", { name })),
    },
  };
}

/** Calls a method with a time limit, in milliseconds. */
type Call = <M extends Method>(
  method: M,
  params: Params<M>,
  timeout?: number,
) => Promise<Result<M>>;

async function linkOf(call: Call, name: string): Promise<LinkRecord> {
  return only(await call("link.show", { name }));
}

async function statsOf(call: Call, name: string): Promise<StatsRecord> {
  return only(await call("stats", { name }));
}

/** Returns the record of the interface. Throws `E_NO_INTERFACE` (ENODEV) if there is none. */
function only<T>([record]: T[]): T {
  if (record !== undefined) return record;
  throw new IpoibError("E_NO_INTERFACE", "The process has no such interface", {
    errno: Errno.ENODEV,
    hint: "see ipoib link show",
  });
}

function routeOf(doctor: InterfaceFacts["doctor"]): PeerFacts["route"] {
  if (!("value" in doctor)) return doctor;
  const { route } = doctor.value;
  return route ? { value: route } : { why: "the process has not looked it up" };
}
