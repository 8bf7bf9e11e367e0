/**
 * The interfaces of one port: the parent, and children for other partitions (Linux ipoib_vlan.c behaviour).
 *
 * A child is an {@linkcode IpoibInterface} like the parent, with a TAP and a queue pair of its own. As with the
 * driver it is created down, may be created before its P_Key is in the port's table, and goes up and down with
 * its parent.
 */

import { Errno } from "../base/errno.ts";
import { IpoibError } from "../base/errors.ts";
import { formatPkey, FULL_MEMBER } from "../base/units.ts";
import type { PortEvent, SendMemory } from "../hca/hca.ts";
import type { Netdev } from "../netdev/netdev.ts";
import type { EngineOptions } from "./engine.ts";
import { IpoibInterface } from "./interface.ts";

const MAX_PKEY = 0xffff;
const IF_NAME_PARENT_PART = 10;

/** How a child was made: by `create_child`, or by `link add`. */
export type ChildKind = "legacy" | "rtnl";

/** A child with its P_Key as it was written. */
export interface Child {
  readonly interface: IpoibInterface;
  readonly written: number;
  readonly kind: ChildKind;
}

export interface DeviceOptions {
  name: string;
  pkeyIndex: number;
  adminMtu: number | undefined;
  /** Makes a network device that is read into that memory; throws if the name is taken. */
  openNetdev: (name: string, memory: SendMemory) => Netdev;
}

export class IpoibDevice {
  readonly parent: IpoibInterface;
  readonly children: Child[] = [];
  /** Called when the state of an interface changed. */
  onStateChange: (which: IpoibInterface) => void = () => {};
  /** Called with all interfaces, the parent first, when one came, went, was renamed or moved to another namespace. */
  onInterfaces: (interfaces: readonly IpoibInterface[]) => void = () => {};
  /** Called when the parent's network device was deleted from outside. */
  onGone: () => void = () => {};

  readonly #context: EngineOptions;
  readonly #options: DeviceOptions;
  #parentUp = false;
  /** Names and namespaces, as last told. */
  #places: readonly string[];

  constructor(context: EngineOptions, options: DeviceOptions) {
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
    this.#listen(this.parent);
    this.#places = [placeOf(this.parent)];
    netdev.config.onChange((change) => {
      if (change === "link") this.#followParent();
      if (change === "gone") this.onGone();
    });
    port.onEvent((event) => this.#onPortEvent(event));
    port.onCredit(() => {
      this.parent.onCredit();
      for (let i = 0; i < this.children.length; i++) {
        this.children[i]!.interface.onCredit();
      }
    });
    netdev.setUp(true);
  }

  /** Parent first. */
  interfaces(): IpoibInterface[] {
    return [this.parent, ...this.children.map((child) => child.interface)];
  }

  find(name: string): IpoibInterface | undefined {
    return this.interfaces().find((each) => each.name === name);
  }

  /** How an interface was made; undefined for the parent. */
  kindOf(each: IpoibInterface): ChildKind | undefined {
    return this.children.find((child) => child.interface === each)?.kind;
  }

  /**
   * Makes the child of a P_Key, as `echo 0x8001 > create_child` does.
   *
   * Throws `E_PKEY_INVALID` (EINVAL), `E_PKEY_TAKEN` (ENOTUNIQ), and what making the device throws
   * (`E_NAME_TAKEN`, EEXIST).
   */
  createChild(written: number): IpoibInterface {
    checkPkey(written);
    const taken = written === this.parent.pkey ||
      this.#legacyChild(written) !== undefined;
    if (taken) {
      throw new IpoibError(
        "E_PKEY_TAKEN",
        `P_Key ${
          formatPkey(written)
        } already has an interface on ${this.parent.name}`,
        { errno: Errno.ENOTUNIQ },
      );
    }
    return this.#open(childName(this.parent.name, written), written, "legacy");
  }

  /**
   * Makes a child of any name, as `ip link add link PARENT name NAME type ipoib pkey P_KEY` does: its P_Key, the parent's
   * if none is given, may have other interfaces.
   *
   * Throws `E_PKEY_INVALID` (EINVAL) and what making the device throws (`E_NAME_TAKEN`, EEXIST).
   */
  addChild(name: string, pkey: number = this.parent.pkey): IpoibInterface {
    checkPkey(pkey);
    return this.#open(name, pkey, "rtnl");
  }

  /** Removes a child, as `ip link del` does; false for the parent, which stays (Linux ipoib_netlink.c behaviour). */
  removeChild(each: IpoibInterface): boolean {
    const child = this.children.find((child) => child.interface === each);
    if (child) this.#remove(child);
    return child !== undefined;
  }

  /**
   * Removes the child that `create_child` made and whose P_Key is exactly this one; returns its name.
   *
   * Throws `E_PKEY_INVALID` (EINVAL), `E_NO_CHILD` (ENODEV).
   */
  deleteChild(pkey: number): string {
    if (pkey < 0 || pkey > MAX_PKEY) throw invalidPkey("delete", pkey);
    const child = this.#legacyChild(pkey);
    if (!child) {
      throw new IpoibError(
        "E_NO_CHILD",
        `${this.parent.name} has no child with P_Key ${formatPkey(pkey)}`,
        { errno: Errno.ENODEV, hint: "see `ipoib child list`" },
      );
    }
    const { name } = child.interface;
    this.#remove(child);
    return name;
  }

  /** Another program on the port may have left groups: finds out, and joins them again. */
  checkMemberships(): void {
    for (const each of this.interfaces()) each.checkMemberships();
  }

  close(): void {
    for (const child of [...this.children]) this.#remove(child);
    this.parent.close();
  }

  #open(name: string, written: number, kind: ChildKind): IpoibInterface {
    const opened = this.#openNetdev(name);
    const { netdev } = opened;
    const child = {
      interface: new IpoibInterface(this.#context, {
        ...opened,
        pkey: { value: written | FULL_MEMBER },
        adminMtu: undefined,
      }),
      written,
      kind,
    };
    this.children.push(child);
    this.#listen(child.interface);
    this.#tellInterfaces();
    netdev.config.onChange((change) => {
      if (change === "gone") this.#remove(child);
    });
    return child.interface;
  }

  #openNetdev(name: string): { netdev: Netdev; memory: SendMemory } {
    const { port } = this.#context;
    const memory = port.openSendMemory();
    try {
      return { netdev: this.#options.openNetdev(name, memory), memory };
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

  #remove(child: Child): void {
    const at = this.children.indexOf(child);
    if (at < 0) return;
    this.children.splice(at, 1);
    child.interface.close();
    this.onStateChange(child.interface);
    this.#tellInterfaces();
  }

  #listen(each: IpoibInterface): void {
    each.onStateChange = () => this.onStateChange(each);
    each.netdev.config.onChange((change) => {
      if (change !== "link" || this.#places.includes(placeOf(each))) return;
      this.#tellInterfaces();
      // The state is kept by name.
      this.onStateChange(each);
    });
  }

  #tellInterfaces(): void {
    const interfaces = this.interfaces();
    this.#places = interfaces.map(placeOf);
    this.onInterfaces(interfaces);
  }

  #onPortEvent(event: PortEvent): void {
    // Children first, as in the driver.
    for (const each of this.interfaces().reverse()) each.onPortEvent(event);
  }

  /** Children go up and down with the parent. */
  #followParent(): void {
    const { up } = this.parent.netdev.config;
    if (up === this.#parentUp) return;
    this.#parentUp = up;
    for (const { interface: child } of this.children) child.netdev.setUp(up);
  }
}

function placeOf({ netdev, name }: IpoibInterface): string {
  return `${netdev.config.namespace.inode}/${name}`;
}

function checkPkey(pkey: number): void {
  if (pkey <= 0 || pkey > MAX_PKEY || pkey === FULL_MEMBER) {
    throw invalidPkey("create", pkey);
  }
}

function invalidPkey(what: "create" | "delete", pkey: number): IpoibError {
  const shown = pkey < 0 ? String(pkey) : formatPkey(pkey);
  return new IpoibError(
    "E_PKEY_INVALID",
    `Cannot ${what} a child for P_Key ${shown}`,
    { errno: Errno.EINVAL, hint: "use 0x0001 to 0xffff, but not 0x8000" },
  );
}

/** The driver's name for a child: ten characters of the parent's, and the P_Key as written. */
export function childName(parent: string, written: number): string {
  const key = written.toString(16).padStart(4, "0");
  return `${parent.slice(0, IF_NAME_PARENT_PART)}.${key}`;
}
