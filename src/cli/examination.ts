/** Selects what `doctor` examines, collects the facts, and runs the checks. Loads src/doctor/gather on demand. */

import { IpoibError } from "../base/errors.ts";
import {
  examineHost,
  examineInterface,
  examinePeer,
  examineSubnet,
  type NamedFinding,
} from "../doctor/examine.ts";
import type {
  AbsentInterface,
  Gathered,
  PortHolder,
  SubnetFacts,
} from "../doctor/facts.ts";
import { ok, refusedUser, warning } from "../doctor/finding.ts";
import {
  type NamespaceDirectory,
  socketDirectory,
  socketPath,
  subnetNames,
} from "../ipc/locate.ts";
import type { LinkRecord } from "../ipc/schema.ts";
import type { CliEnvironment } from "./environment.ts";
import { usageError } from "./errors.ts";
import { type ExaminedNamespace, namespacesOf } from "./examined_namespace.ts";
import { askAll, namespacesHidden } from "./listing.ts";
import type { GlobalOptions } from "./options.ts";
import type { Section } from "./render/doctor_text.ts";
import { connect, openInterface, type Target } from "./session.ts";

/** Number of interfaces that are examined at once. */
const AT_ONCE = 16;

/** What to examine: without a name all interfaces, or with a peer the only one. */
export interface Operands {
  readonly name: string | undefined;
  /** IP address. */
  readonly peer: string | undefined;
}

/** A section with the members that identify its subject in JSON. */
export interface PlacedSection extends Section {
  readonly place: {
    readonly netns?: string;
    readonly ifname?: string;
    readonly peer?: string;
    readonly subnet?: string;
  };
}

/** An interface and its socket. */
interface Selected {
  readonly place: NamespaceDirectory;
  readonly name: string;
  /** Why its process cannot be asked. */
  readonly error?: IpoibError;
}

/** What is examined, as far as this user may list it. */
interface Listed {
  readonly selected: readonly Selected[];
  /** Present if this user may not list all interfaces. */
  readonly hidden?: IpoibError;
}

type Outcome = Gathered | AbsentInterface;

/** Returns the operands of `doctor [IF] [PEER]`, of which either may be absent. Throws `E_USAGE`. */
export async function operands(
  first: string | undefined,
  second: string | undefined,
): Promise<Operands> {
  const { isPeer } = await import("../doctor/gather/peer.ts");
  if (second === undefined) {
    return first !== undefined && isPeer(first)
      ? { name: undefined, peer: first }
      : { name: first, peer: undefined };
  }
  if (!isPeer(second)) {
    throw usageError(`Peer "${second}" is not an IP address`);
  }
  return { name: first, peer: second };
}

/** Examines the host and what is selected. Throws `E_AMBIGUOUS`, `E_NAME`, `E_NETNS`. */
export async function examination(
  environment: CliEnvironment,
  options: GlobalOptions,
  { name, peer }: Operands,
): Promise<PlacedSection[]> {
  const { selected, hidden } = await select(environment, options, {
    name,
    peer,
  });
  const namespaceOf = await namespacesOf(environment, options);
  const subnets = new SubnetCollection(environment);
  const sections: PlacedSection[] = [];
  for (let at = 0; at < selected.length; at += AT_ONCE) {
    const some = selected.slice(at, at + AT_ONCE);
    const outcomes = await Promise.all(
      some.map((each) => gather(environment, each, peer, subnets)),
    );
    some.forEach((each, i) => {
      sections.push(
        ...interfaceSections(
          each,
          outcomes[i]!,
          namespaceOf(each.place),
        ),
      );
    });
  }
  const findings = [
    ...examineHost(await environment.hostFacts()),
    ...selected.length === 0 || hidden !== undefined
      ? [interfacesFinding(hidden, options)]
      : [],
    ...selected.length === 0 ? await subnets.addAll(environment.runtime) : [],
  ];
  return [
    { title: "host", place: {}, findings },
    ...sections.filter(({ place }) => place.peer === undefined),
    ...(await subnets.all()).map((facts) => ({
      title: `subnet ${facts.name}`,
      place: { subnet: facts.name },
      findings: examineSubnet(facts),
    })),
    ...sections.filter(({ place }) => place.peer !== undefined),
  ];
}

/** @param hidden why interfaces cannot be listed, if that is so */
function interfacesFinding(
  hidden: IpoibError | undefined,
  { allNetns, netns }: GlobalOptions,
): NamedFinding {
  const given = allNetns ? undefined : netns;
  const finding = hidden
    ? refusedUser(hidden)
    : given === undefined
    ? warning("none is running here", "start one: ipoib up ib0")
    : warning(
      `none is running in netns ${given}`,
      `start one: ipoib -n ${given} up ib0`,
    );
  return { check: "interfaces", ...finding };
}

/** The embedded subnets of the examined interfaces, each of which is examined once. */
class SubnetCollection {
  readonly #environment: CliEnvironment;
  readonly #facts = new Map<string, Promise<SubnetFacts>>();

  constructor(environment: CliEnvironment) {
    this.#environment = environment;
  }

  get(name: string): Promise<SubnetFacts> {
    const known = this.#facts.get(name);
    if (known) return known;
    const facts = this.#gather(name);
    this.#facts.set(name, facts);
    return facts;
  }

  /** Adds all subnets. Returns a finding if this user may not list them. */
  async addAll(runtime: string): Promise<NamedFinding[]> {
    const names = await permitted(() => subnetNames(runtime));
    if (names instanceof IpoibError) {
      return [{ check: "subnets", ...refusedUser(names) }];
    }
    await Promise.all(names.map((each) => this.get(each)));
    return [];
  }

  async #gather(name: string): Promise<SubnetFacts> {
    const { gatherSubnet } = await import("../doctor/gather/subnet.ts");
    const { runtime, replyLimitMs } = this.#environment;
    return await gatherSubnet(runtime, name, replyLimitMs);
  }

  /** Returns all that were requested, by name. */
  async all(): Promise<SubnetFacts[]> {
    const facts = await Promise.all(this.#facts.values());
    return facts.sort((a, b) => a.name < b.name ? -1 : 1);
  }
}

async function select(
  environment: CliEnvironment,
  { allNetns, netns }: GlobalOptions,
  { name, peer }: Operands,
): Promise<Listed> {
  const { inode, initial } = await environment.namespace(netns);
  const here: NamespaceDirectory = {
    path: socketDirectory(environment.runtime, { inode, initial }),
    inode: initial ? undefined : inode,
  };
  if (name !== undefined && !allNetns) {
    return { selected: [{ place: here, name }] };
  }
  if (peer !== undefined && name === undefined) {
    using only = await openInterface(environment, netns);
    return { selected: [{ place: here, name: await nameTo(only, peer) }] };
  }
  const listing = await permitted(() =>
    askAll(
      environment,
      { name, netns, allNetns: allNetns ?? false, eachInterface: true },
      (target) => target.client.call("link.show", { name: target.name }),
    )
  );
  if (listing instanceof IpoibError) return { selected: [], hidden: listing };
  const selected = listing.answers.map(({ place, name, result }) => ({
    place,
    name,
    ...(result instanceof IpoibError ? { error: result } : {}),
  }));
  return listing.incomplete
    ? { selected, hidden: namespacesHidden() }
    : { selected };
}

/**
 * Returns the name of the interface of a process that the kernel uses to reach a peer: a child, or by default the one
 * that was found.
 */
async function nameTo(
  { name, child, client }: Target,
  peer: string,
): Promise<string> {
  if (child) return name;
  const { linkTo } = await import("../doctor/gather/peer_route.ts");
  const links = await client.call("link.show", {});
  return linkTo(peer, links)?.ifname ?? name;
}

/** Returns the result of `list`, or its `E_IPC_PERMISSION`. */
async function permitted<T>(
  list: () => T | Promise<T>,
): Promise<T | IpoibError> {
  try {
    return await list();
  } catch (error) {
    const refusal = IpoibError.from(error);
    if (refusal.code === "E_IPC_PERMISSION") return refusal;
    throw error;
  }
}

async function gather(
  environment: CliEnvironment,
  { place, name, error }: Selected,
  peer: string | undefined,
  subnets: SubnetCollection,
): Promise<Outcome> {
  const path = socketPath(place.path, name);
  if (error) return await absent(error, name, path);
  const { gatherInterface } = await import("../doctor/gather/interface.ts");
  try {
    using target = await connect({ name, path });
    return await gatherInterface({
      client: target.client,
      ...{ name, peer },
      limitMs: environment.replyLimitMs,
      holders: (link) => holdersOf(environment, link),
      subnet: (link) =>
        link.hca.subnet === undefined
          ? Promise.resolve(undefined)
          : subnets.get(link.hca.subnet),
    });
  } catch (error) {
    return await absent(IpoibError.from(error), name, path);
  }
}

/** @param path of the control socket */
async function absent(
  error: IpoibError,
  name: string,
  path: string,
): Promise<AbsentInterface> {
  switch (error.code) {
    case "E_NOT_RUNNING":
      return {
        problem: /^[0-9.]+$/.test(name)
          ? {
            message: `${name} is neither a running interface nor an IP address`,
            hint: "name an interface, a peer by its IP address, or both",
          }
          : { message: `${name} is not running`, hint: `ipoib up ${name}` },
        denied: false,
      };
    case "E_IPC_TIMEOUT": {
      const { stoppedProcess } = await import(
        "../doctor/gather/silent_process.ts"
      );
      return { problem: stoppedProcess(path) ?? error, denied: false };
    }
    default:
      return { problem: error, denied: error.code === "E_IPC_PERMISSION" };
  }
}

/** Returns the other users of the port of a device, in all namespaces. */
async function holdersOf(
  environment: CliEnvironment,
  { hca, ifname, namespace }: LinkRecord,
): Promise<PortHolder[]> {
  if (hca.subnet !== undefined) return [];
  const { kernelLinks } = await import("../doctor/gather/kernel_links.ts");
  const { answers } = await askAll(
    environment,
    { allNetns: true, eachInterface: true },
    (target) => target.client.call("link.show", { name: target.name }),
  );
  const links = answers.flatMap(({ result }) =>
    result instanceof IpoibError ? [] : result
  );
  const others = links.filter((link) =>
    link.hca.device === hca.device && link.hca.port === hca.port &&
    (link.ifname !== ifname || link.namespace !== namespace)
  );
  return [
    ...others.map(({ ifname, pkey }) => ({
      name: ifname,
      kind: "ipoib" as const,
      pkey,
    })),
    ...kernelLinks(hca.guid),
  ];
}

function interfaceSections(
  { name }: Selected,
  outcome: Outcome,
  netns: ExaminedNamespace | undefined,
): PlacedSection[] {
  const place = {
    ...(netns === undefined ? {} : { netns: netns.name }),
    ifname: name,
  };
  const title = netns === undefined ? name : `${name} netns ${netns.name}`;
  const notes = namespaceFindings(netns);
  if (!("facts" in outcome)) {
    const findings = [...notes, ...examineInterface(outcome)];
    return [{ title, place, findings }];
  }
  const { facts, peer } = outcome;
  const from = netns === undefined ? "" : ` from netns ${netns.name}`;
  return [
    { title, place, findings: [...notes, ...examineInterface(facts)] },
    ...peer
      ? [{
        title: `peer ${peer.peer}${from}`,
        place: { ...place, peer: peer.peer },
        findings: examinePeer(peer),
      }]
      : [],
  ];
}

/** Returns the finding that says how the remedies are run in another namespace. */
function namespaceFindings(
  netns: ExaminedNamespace | undefined,
): NamedFinding[] {
  if (netns?.enter === undefined) return [];
  const text = `${netns.name}: ${netns.enter} COMMAND runs a command there`;
  return [{ check: "namespace", ...ok(text) }];
}
