/**
 * The interfaces of one port: a parent, and child interfaces, usually on other partitions (as in Linux ipoib_vlan.c).
 *
 * A child is an {@linkcode IpoibInterface} like the parent, with its own TAP and queue pair. As in ib_ipoib, a child is
 * created down, may be created before its P_Key is in the port's table, and is set up and down with its parent.
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { childName, formatPkey, FULL_MEMBER } from "../base/units.ts";
import type { PortEvent } from "../hca/hca.ts";
import type { SendMemory } from "../hca/send_memory.ts";
import { qualifiedName } from "../netdev/net_config.ts";
import type { Netdev } from "../netdev/netdev.ts";
import type { Mode } from "./connected/connected_mode.ts";
import { DebugLevels } from "./debug_log.ts";
import type { EngineOptions } from "./engine.ts";
import { recordPort } from "./fabric_events.ts";
import { IpoibInterface } from "./interface.ts";
import type { InterfaceEvents } from "./interface_events.ts";

const MAX_PKEY = 0xffff;

/** How a child was created: "legacy" by `create_child`, "rtnl" by `link add`. */
export type ChildKind = "legacy" | "rtnl";

/** A child interface. */
export interface Child {
  readonly interface: IpoibInterface;
  /** P_Key as given by the user, possibly without the full-member bit. */
  readonly written: number;
  readonly kind: ChildKind;
}

/** Dependencies of an {@linkcode IpoibDevice}. */
export type DeviceParts = Omit<EngineOptions, "debugLevels">;

/** Creates a network device that reads frames into `memory`. Throws `E_NAME_TAKEN` (EEXIST) if the name is taken. */
export type OpenNetdev = (name: string, memory: SendMemory) => Netdev;

/** Constructor options of an {@linkcode IpoibDevice}. */
export interface DeviceOptions {
  /** Name of the parent interface. */
  name: string;
  /** Index of the parent's P_Key in the port's P_Key table. */
  pkeyIndex: number;
  /** MTU of the parent set by the administrator, in bytes. */
  adminMtu: number | undefined;
  /** Mode of the parent. It stays in datagram mode if its port has no connection management. Default: datagram. */
  mode?: Mode;
  /** Creates the network devices, unless the creation of a child is given another function. */
  openNetdev: OpenNetdev;
}

export class IpoibDevice {
  readonly parent: IpoibInterface;
  readonly children: Child[] = [];
  /** Debug levels of all interfaces. */
  readonly debugLevels = new DebugLevels();
  /** Called after a change of the state, name or namespace of an interface, and after the removal of a child. */
  onStateChange: (which: IpoibInterface) => void = () => {};
  /** Called with all interfaces, parent first, after the creation, removal, renaming or namespace change of one. */
  onInterfaces: (interfaces: readonly IpoibInterface[]) => void = () => {};
  /** Called if the parent's network device was deleted, or could not be followed to another namespace. */
  onGone: () => void = () => {};

  readonly #context: EngineOptions;
  readonly #options: DeviceOptions;
  #parentUp = false;
  /** Namespaces and names of the interfaces last passed to `onInterfaces`. */
  #locations: readonly string[];

  constructor(parts: DeviceParts, options: DeviceOptions) {
    const context = { ...parts, debugLevels: this.debugLevels };
    this.#context = context;
    this.#options = options;
    const { port } = context;
    const opened = this.#openNetdev(options.name);
    const { netdev } = opened;
    this.parent = new IpoibInterface(context, {
      ...opened,
      pkey: { index: options.pkeyIndex },
      adminMtu: options.adminMtu,
    });
    this.#setMode(options);
    this.#listen(this.parent);
    this.#locations = [locationOf(this.parent)];
    netdev.config.onChange((change) => {
      if (change === "link") this.#followParent();
      if (change === "gone") this.onGone();
    });
    // First, because changes of the interfaces follow from those of the port.
    recordPort(port, this.parent.events);
    port.onEvent((event) => this.#onPortEvent(event));
    port.onCredit(() => {
      this.parent.onCredit();
      for (let i = 0; i < this.children.length; i++) {
        this.children[i]!.interface.onCredit();
      }
    });
    if (netdev.adopted) this.#parentUp = netdev.config.up;
    else netdev.change({ up: true });
  }

  /** Returns all interfaces, parent first. */
  interfaces(): IpoibInterface[] {
    return [this.parent, ...this.children.map((child) => child.interface)];
  }

  /**
   * Returns the interface with this name in the network namespace with inode `namespace`; by default in that of the
   * parent, or else in any other. Interfaces in different namespaces may have the same name.
   */
  find(name: string, namespace?: bigint): IpoibInterface | undefined {
    const named = this.interfaces().filter((each) => each.name === name);
    const at = namespace ?? namespaceOf(this.parent);
    return named.find((each) => namespaceOf(each) === at) ??
      (namespace === undefined ? named[0] : undefined);
  }

  /** Returns how an interface was created; undefined for the parent. */
  kindOf(each: IpoibInterface): ChildKind | undefined {
    return this.children.find((child) => child.interface === each)?.kind;
  }

  /**
   * Returns the name of the child that {@linkcode createChild} would create. Throws `E_PKEY_INVALID` (EINVAL) and
   * `E_PKEY_TAKEN` (ENOTUNIQ).
   */
  nameFor(written: number): string {
    checkPkey(written);
    const taken = written === this.parent.pkey ||
      this.#legacyChild(written) !== undefined;
    if (taken) {
      throw new IpoibError(
        "E_PKEY_TAKEN",
        `P_Key ${
          formatPkey(written)
        } already has an interface on ${this.parent.name}`,
        {
          errno: Errno.ENOTUNIQ,
          hint: "use `ipoib link add` for another interface on the P_Key",
        },
      );
    }
    return childName(this.parent.name, written);
  }

  /**
   * Creates a child on a P_Key, like `echo 0x8001 > create_child`.
   *
   * Throws `E_PKEY_INVALID` (EINVAL), `E_PKEY_TAKEN` (ENOTUNIQ), and the errors of `open` (`E_NAME_TAKEN`, EEXIST).
   */
  createChild(written: number, open?: OpenNetdev): IpoibInterface {
    return this.#open(this.nameFor(written), written, "legacy", open);
  }

  /**
   * Creates a child with a given name, like `ip link add link PARENT name NAME type ipoib pkey P_KEY`. The P_Key
   * defaults to the parent's and may have other interfaces.
   *
   * Throws `E_PKEY_INVALID` (EINVAL) and the errors of `open` (`E_NAME_TAKEN`, EEXIST).
   */
  addChild(
    name: string,
    pkey: number = this.parent.pkey,
    open?: OpenNetdev,
  ): IpoibInterface {
    checkPkey(pkey);
    return this.#open(name, pkey, "rtnl", open);
  }

  /**
   * Removes a child, like `ip link del`. Returns false for the parent, which is not removed (as in Linux
   * ipoib_netlink.c).
   */
  removeChild(each: IpoibInterface): boolean {
    const child = this.children.find((child) => child.interface === each);
    if (child) this.#remove(child, "requested");
    return child !== undefined;
  }

  /**
   * Removes the child that `create_child` created on this P_Key (full-member bit included), like `delete_child`.
   * Returns its name.
   *
   * Throws `E_PKEY_INVALID` (EINVAL) and `E_NO_CHILD` (ENODEV).
   */
  deleteChild(pkey: number): string {
    if (pkey < 0 || pkey > MAX_PKEY) throw invalidPkey("delete", pkey);
    const child = this.#legacyChild(pkey);
    if (!child) {
      throw new IpoibError(
        "E_NO_CHILD",
        `${this.parent.name} has no child with P_Key ${formatPkey(pkey)}`,
        {
          errno: Errno.ENODEV,
          hint: this.#legacyChild(pkey | FULL_MEMBER)
            ? `there is one with ${formatPkey(pkey | FULL_MEMBER)}`
            : "see `ipoib child list`",
        },
      );
    }
    const { name } = child.interface;
    this.#remove(child, "requested");
    return name;
  }

  /** Checks all memberships and rejoins lost groups, because another program on the port may have left some. */
  checkMemberships(): void {
    for (const each of this.interfaces()) each.checkMemberships();
  }

  /** Closes all interfaces, children first. */
  close(): void {
    for (const child of [...this.children]) {
      this.#remove(child, "the parent ends");
    }
    this.parent.close();
  }

  #open(
    name: string,
    written: number,
    kind: ChildKind,
    open?: OpenNetdev,
  ): IpoibInterface {
    const opened = this.#openNetdev(name, open);
    const { netdev } = opened;
    const pkey = written | FULL_MEMBER;
    // Before the interface has events of its own.
    const { namespace } = qualifiedName(netdev.config);
    this.#context.events?.add({ name, namespace }, "link", "created", () => ({
      subject: name,
      new: `pkey ${formatPkey(pkey)}`,
      cause: `child of ${this.parent.name}`,
    }));
    const child = {
      interface: new IpoibInterface(this.#context, {
        ...opened,
        pkey: { value: pkey },
        adminMtu: undefined,
      }),
      written,
      kind,
    };
    this.children.push(child);
    this.#listen(child.interface);
    this.#notifyInterfaces();
    netdev.config.onChange((change) => {
      if (change === "gone") {
        this.#remove(child, "the network device was deleted");
      }
    });
    return child.interface;
  }

  #setMode({ mode = "datagram", adminMtu }: DeviceOptions): void {
    const { connected, mtu, log } = this.parent;
    if (mode === connected.mode) return;
    try {
      connected.setMode(mode);
      if (adminMtu !== undefined) mtu.set(adminMtu);
    } catch (error) {
      log.warn(IpoibError.from(error).message);
    }
  }

  #openNetdev(
    name: string,
    open: OpenNetdev = this.#options.openNetdev,
  ): { netdev: Netdev; memory: SendMemory } {
    const { port } = this.#context;
    const memory = port.openSendMemory();
    try {
      return { netdev: open(name, memory), memory };
    } catch (error) {
      port.closeSendMemory(memory);
      throw error;
    }
  }

  #legacyChild(pkey: number): Child | undefined {
    return this.children.find((child) =>
      child.kind === "legacy" && child.interface.pkey === pkey
    );
  }

  #remove(child: Child, cause: string): void {
    const at = this.children.indexOf(child);
    if (at < 0) return;
    this.children.splice(at, 1);
    child.interface.close();
    child.interface.events.add("link", "deleted", () => ({
      subject: child.interface.name,
      old: `pkey ${formatPkey(child.interface.pkey)}`,
      cause,
    }));
    this.onStateChange(child.interface);
    this.#notifyInterfaces();
  }

  #listen(each: IpoibInterface): void {
    each.onStateChange = () => this.onStateChange(each);
    const { config } = each.netdev;
    let { name, namespace } = config;
    config.onChange((change) => {
      if (change !== "link") return;
      if (this.#locations.includes(locationOf(each))) return;
      recordLocation(each.events, { name, namespace }, config);
      ({ name, namespace } = config);
      this.#notifyInterfaces();
      // Listeners store states by interface name.
      this.onStateChange(each);
    });
  }

  #notifyInterfaces(): void {
    const interfaces = this.interfaces();
    this.#locations = interfaces.map(locationOf);
    this.onInterfaces(interfaces);
  }

  #onPortEvent(event: PortEvent): void {
    // Children first, as in ib_ipoib.
    for (const each of this.interfaces().reverse()) each.onPortEvent(event);
  }

  /** Sets children up or down with the parent. One that has vanished or moved reports that itself. */
  #followParent(): void {
    const { up } = this.parent.netdev.config;
    if (up === this.#parentUp) return;
    this.#parentUp = up;
    for (const { interface: { netdev, log } } of [...this.children]) {
      try {
        netdev.change({ up });
      } catch (error) {
        log.warn(IpoibError.from(error).message);
      }
    }
  }
}

type Location = Pick<Netdev["config"], "name" | "namespace">;

function recordLocation(
  events: InterfaceEvents,
  before: Location,
  after: Location,
): void {
  if (before.name !== after.name) {
    events.add("link", "renamed", () => ({
      subject: before.name,
      new: after.name,
    }));
  }
  const [from, to] = [before.namespace.inode, after.namespace.inode];
  if (from === to) return;
  events.add("link", "moved", () => ({
    subject: after.name,
    old: `namespace ${from}`,
    new: `namespace ${to}`,
  }));
}

function locationOf(each: IpoibInterface): string {
  return `${namespaceOf(each)}/${each.name}`;
}

function namespaceOf({ netdev }: IpoibInterface): bigint {
  return netdev.config.namespace.inode;
}

/** Throws `E_PKEY_INVALID` (EINVAL) if no child can have the P_Key. */
export function checkPkey(pkey: number): void {
  if (pkey <= 0 || pkey > MAX_PKEY || pkey === FULL_MEMBER) {
    throw invalidPkey("create", pkey);
  }
}

function invalidPkey(what: "create" | "delete", pkey: number): IpoibError {
  const shown = pkey < 0 ? String(pkey) : formatPkey(pkey);
  return new IpoibError(
    "E_PKEY_INVALID",
    `Cannot ${what} a child for P_Key ${shown}`,
    { errno: Errno.EINVAL, hint: "use 0x0001 to 0xffff, except 0x8000" },
  );
}
