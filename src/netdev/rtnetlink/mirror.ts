/**
 * A mirror of the kernel's configuration of one interface, updated by rtnetlink events.
 *
 * The mirror subscribes to events before the first dump, so that it misses no change. If events are lost because the
 * socket's queue is full (ENOBUFS), it dumps again; if the kernel refuses, it repeats that after a second. It identifies
 * the interface by index: a rename only changes `name`. If the interface is moved to another namespace, the mirror
 * locates it with `locate` and attaches to it there. Listeners are called from the reactor, never from within a call
 * into the mirror, and changes of the same kind are combined.
 */

import { IpoibError } from "../../base/errors.ts";
import { Listeners } from "../../base/listeners.ts";
import { explain, getLogger } from "../../base/log.ts";
import { Errno } from "../../base/errno.ts";
import type { IpAddress } from "../../wire/ip_address.ts";
import { MIN_IPV6_MTU } from "../../wire/ipv6_address.ts";
import type { NetworkNamespace } from "../../system/namespace.ts";
import type { Timer } from "../../system/reactor.ts";
import type {
  Groups,
  MembershipSource,
} from "../memberships/kernel_memberships.ts";
import type {
  ConfigChange,
  Flow,
  InterfaceAddress,
  NetConfig,
  Route,
} from "../net_config.ts";
import {
  type AddressRecord,
  parseAddress,
  RTM_DELADDR,
  RTM_NEWADDR,
  sameAddresses,
} from "./address.ts";
import { Attachment } from "./attachment.ts";
import { type Configuration, readConfiguration } from "./configuration.ts";
import {
  type LinkInfo,
  parseLink,
  RTM_DELLINK,
  RTM_NEWLINK,
} from "./link_message.ts";
import type { NetlinkMessage } from "./message.ts";
import type { MirrorOptions } from "./mirror_options.ts";
import { MirroredNeighbours } from "./kernel_neighbours.ts";
import { READ_AGAIN_MS, RefusableRead } from "../refusable_read.ts";
import { RTM_DELRULE, RTM_NEWRULE, rulesMatchPorts } from "./rule.ts";
import { lookupRoutes } from "./route_legs.ts";
import type { RequestSocket } from "./socket.ts";

const CHANGES: readonly ConfigChange[] = [
  "gone",
  "link",
  "address",
  "membership",
  "route",
];

type LinkState = Pick<LinkInfo, "up" | "carrier" | "mtu" | "name">;

/** The {@linkcode NetConfig} of an interface. */
export class ConfigMirror implements NetConfig {
  readonly #options: MirrorOptions;
  readonly #listeners = new Listeners<[ConfigChange]>();
  readonly #pending = new Set<ConfigChange>();
  readonly neighbours = new MirroredNeighbours(() =>
    this.#gone ? undefined : this.#attached
  );
  #attached: Attachment;
  readonly #reads = new RefusableRead();
  /** Set after a refused dump. */
  readonly #again: Timer;
  #link: LinkState;
  #ipv6Removals = 0;
  #records = new Map<string, InterfaceAddress>();
  #addresses: readonly InterfaceAddress[] = [];
  /** The groups from which {@linkcode memberships} was built. */
  #groups: Groups = NO_GROUPS;
  #memberships: readonly IpAddress[] = [];
  #routesByPort = false;
  /** True after a rule was added or deleted. */
  #readRules = false;
  /** True after the interface has left the namespace: it was deleted or moved. */
  #left = false;
  #gone = false;

  /** Throws `E_NETDEV_GONE` if the interface does not exist, `E_NETLINK`, `E_NETNS` and `E_MEMBERSHIPS`. */
  constructor(options: MirrorOptions) {
    this.#options = options;
    this.#link = { up: false, carrier: false, mtu: 0, name: "" };
    using parts = new DisposableStack();
    this.#attached = parts.adopt(
      this.#attach(options.netns, options.ifindex),
      (attached) => attached.close(),
    );
    this.#again = parts.adopt(
      options.reactor.timer(() => this.#dumpAgain()),
      (timer) => timer.close(),
    );
    this.#set(this.#read());
    if (this.#left) {
      throw new IpoibError(
        "E_NETDEV_GONE",
        `Network interface ${options.ifindex} does not exist`,
        { errno: Errno.ENODEV },
      );
    }
    parts.move();
    this.#pending.clear();
  }

  get namespace(): NetworkNamespace {
    return this.#attached.namespace;
  }

  get up(): boolean {
    return this.#link.up;
  }

  get carrier(): boolean {
    return this.#link.carrier;
  }

  get mtu(): number {
    return this.#link.mtu;
  }

  get name(): string {
    return this.#link.name;
  }

  get ipv6Removals(): number {
    return this.#ipv6Removals;
  }

  get ifindex(): number {
    return this.#attached.ifindex;
  }

  get addresses(): readonly InterfaceAddress[] {
    return this.#addresses;
  }

  get memberships(): readonly IpAddress[] {
    const groups = this.#gone ? NO_GROUPS : this.#attached.memberships.groups;
    if (groups !== this.#groups) {
      this.#groups = groups;
      this.#memberships = [...groups.values()];
    }
    return this.#memberships;
  }

  /** The source of multicast memberships in use. */
  get membershipSource(): MembershipSource {
    return this.#attached.memberships.source;
  }

  /** A request socket in the interface's namespace, valid until the interface moves to another. */
  get requests(): RequestSocket {
    return this.#attached.requests;
  }

  get routesByPort(): boolean {
    return this.#routesByPort;
  }

  isLocal(address: IpAddress): boolean {
    return this.#addresses.some((own) => own.address.equals(address));
  }

  route(flow: Flow): Route {
    if (this.#gone) return { type: "none" };
    const { requests, ifindex } = this.#attached;
    return lookupRoutes(requests, ifindex, flow);
  }

  onChange(listener: (change: ConfigChange) => void): void {
    this.#listeners.add(listener);
  }

  noteReport(now: number): void {
    this.#attached.memberships.noteReport(now);
  }

  /** Sets `mtu` after this process has changed the MTU, before the kernel's event is read. */
  mtuWasSet(mtu: number): void {
    const before = this.#link;
    this.#link = { ...before, mtu };
    this.#countRemoval(before);
  }

  close(): void {
    this.#again.close();
    this.#attached.close();
  }

  #attach(netns: number | undefined, ifindex: number): Attachment {
    const { reactor, memberships = "auto", receiveBuffer } = this.#options;
    return new Attachment({
      ...{ reactor, netns, ifindex, memberships, receiveBuffer },
      readable: () => this.#drain(),
      membershipsChanged: () => {
        this.#pending.add("membership");
        this.#publish();
      },
      neighbour: (record, deleted) => this.neighbours.notify(record, deleted),
      neighboursLost: () => this.neighbours.notifyLost(),
    });
  }

  #drain(): void {
    const outcome = this.#attached.events.drain((event) => this.#apply(event));
    if (outcome === "overrun") {
      explain(
        getLogger(this.name),
        () =>
          "Notifications of the kernel were lost: the configuration is read again",
      );
      // The lost events may have been of a link that was down.
      this.#ipv6Removals++;
      this.#pending.add("link");
      this.#dumpAgain();
      return;
    }
    if (this.#readRules) {
      this.#routesByPort = rulesMatchPorts(this.#attached.requests);
    }
    this.#finish();
  }

  /** Reads the whole configuration after a loss of events. If the kernel refuses, keeps the old one and tries again. */
  #dumpAgain(): void {
    const { clock } = this.#options.reactor;
    const read = this.#reads.attempt(this.ifindex, () => this.#read());
    if (read) this.#set(read);
    this.#again.at(read ? Infinity : clock.now() + READ_AGAIN_MS);
    this.#finish();
  }

  /** Follows the interface if it has left the namespace, and calls the listeners. */
  #finish(): void {
    this.#readRules = false;
    if (this.#left) this.#follow();
    // The kernel joins 224.0.0.1 when the link goes up, and leaves it when the link goes down.
    if (this.#pending.has("link")) {
      this.noteReport(this.#options.reactor.clock.now());
    }
    this.#publish();
  }

  #apply(event: NetlinkMessage): void {
    switch (event.type) {
      case RTM_NEWLINK:
      case RTM_DELLINK: {
        const link = parseLink(event);
        if (!link) return;
        // When a link goes down, the kernel deletes its routes without sending events for them.
        this.#pending.add("route");
        if (link.ifindex !== this.ifindex) return;
        if (event.type === RTM_DELLINK) this.#left = true;
        else this.#setLink(link);
        return;
      }
      case RTM_NEWADDR:
      case RTM_DELADDR: {
        const record = parseAddress(event);
        if (record?.ifindex !== this.ifindex) return;
        if (event.type === RTM_NEWADDR && record.usable) {
          this.#records.set(record.key, record.address);
        } else this.#records.delete(record.key);
        this.#setAddresses();
        return;
      }
      case RTM_NEWRULE:
      case RTM_DELRULE:
        this.#readRules = true;
        this.#pending.add("route");
        return;
      default:
        this.#pending.add("route");
    }
  }

  /** Throws `E_NETLINK`. */
  #read(): Configuration | "gone" {
    const { requests, ifindex } = this.#attached;
    return readConfiguration(requests, ifindex);
  }

  #set(read: Configuration | "gone"): void {
    if (read === "gone") {
      this.#left = true;
      return;
    }
    this.#setLink(read.link);
    this.#setRecords(read.addresses);
    this.#routesByPort = read.routesByPort;
    this.#attached.memberships.refresh();
    this.#pending.add("route");
  }

  /** Attaches to the interface in its new namespace, or reports it as gone if it was deleted or cannot be followed. */
  #follow(): void {
    this.#left = false;
    this.#attached.close();
    try {
      if (this.#reattach()) return;
      getLogger(this.name).warn("The network device was deleted");
    } catch (error) {
      // For example setns(2) without CAP_SYS_ADMIN in the user namespace of the new network namespace.
      const { message } = IpoibError.from(error);
      getLogger(this.name).error(
        `Cannot follow ${this.name} to another network namespace: ${message}`,
      );
    }
    this.#gone = true;
    this.#again.at(Infinity);
    this.#link = { ...this.#link, up: false };
    this.#setRecords([]);
    this.#pending.clear();
    this.#pending.add("gone");
  }

  /** Attaches to the interface in its new namespace. Returns false if it was deleted. */
  #reattach(): boolean {
    const before = this.#attached.memberships.groups;
    using location = this.#options.locate?.();
    if (!location) return false;
    this.#attached = this.#attach(location.netns, location.ifindex);
    this.#ipv6Removals++;
    this.#set(this.#read());
    if (this.#left) {
      this.#attached.close();
      return false;
    }
    explain(
      getLogger(this.name),
      () => `The device is now in network namespace ${this.namespace.inode}`,
    );
    this.#pending.add("link");
    if (before !== this.#attached.memberships.groups) {
      this.#pending.add("membership");
    }
    this.neighbours.notifyLost();
    return true;
  }

  #setLink({ up, carrier, mtu, name }: LinkInfo): void {
    const old = this.#link;
    const same = old.up === up && old.carrier === carrier && old.mtu === mtu &&
      old.name === name;
    if (same) return;
    this.#link = { up, carrier, mtu, name };
    this.#countRemoval(old);
    this.#pending.add("link");
  }

  /** Counts the end of IPv6 on the interface. */
  #countRemoval(before: LinkState): void {
    if (runsIpv6(before) && !runsIpv6(this.#link)) this.#ipv6Removals++;
  }

  #setRecords(records: readonly AddressRecord[]): void {
    this.#records = new Map(records.map(({ key, address }) => [key, address]));
    this.#setAddresses();
  }

  #setAddresses(): void {
    const addresses = [...this.#records.values()];
    // A renewed DHCP lease sets the same address again.
    if (sameAddresses(addresses, this.#addresses)) return;
    this.#addresses = addresses;
    this.#pending.add("address").add("route");
  }

  #publish(): void {
    if (this.#pending.size === 0) return;
    const changes = CHANGES.filter((change) => this.#pending.has(change));
    this.#pending.clear();
    for (const change of changes) this.#listeners.call(change);
  }
}

const NO_GROUPS: Groups = new Map();

/** True if the kernel runs IPv6 on a link in this state. */
function runsIpv6({ up, mtu }: LinkState): boolean {
  return up && mtu >= MIN_IPV6_MTU;
}
