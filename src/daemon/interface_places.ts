/**
 * Names and network namespaces of an interface and its children, which users change at any time. The paths of the
 * control socket follow them, and the namespaces are watched.
 */

import { getLogger } from "../base/log.ts";
import { isSameName, type QualifiedName } from "../base/qualified_name.ts";
import type { Millis } from "../base/units.ts";
import { qualifiedName } from "../netdev/net_config.ts";
import type { NetworkNamespace } from "../system/namespace.ts";
import { NamespaceWatch, type Users } from "./namespace_watch.ts";
import type { SocketNames } from "./socket_names.ts";

/** Interval of the checks of state for which the kernel sends no notifications. */
const CHECK_MS: Millis = 1000;

/** Name and network namespace of an interface. */
export interface InterfacePlace {
  readonly name: string;
  readonly namespace: NetworkNamespace;
}

/** A change of the state of an interface, as the data worker reports it. */
export interface StateChange extends QualifiedName {
  readonly state: string;
}

export class InterfacePlaces {
  /** Called when the namespace of the parent was deleted. */
  onParentLost: () => void = () => {};
  /** Called with the name of a child, and the inode of its namespace, which was deleted. */
  onChildLost: (name: string, namespace: bigint) => void = () => {};

  readonly #watch: NamespaceWatch;
  #parent: QualifiedName;
  /** The parent is first. Empty until it is created. */
  #places: readonly InterfacePlace[] = [];
  #sockets: SocketNames | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  /**
   * @param parent name and namespace with which the interface is started
   * @param usersOf returns the users of a namespace
   */
  constructor(
    parent: QualifiedName,
    usersOf: (namespace: NetworkNamespace) => Users,
  ) {
    this.#parent = parent;
    this.#watch = new NamespaceWatch(usersOf);
    this.#watch.onDeleted = (inode) => this.#onDeleted(inode);
  }

  /** Current name of the parent. */
  get name(): string {
    return this.#parent.name;
  }

  /** Current name and namespace of the parent. */
  get parent(): QualifiedName {
    return this.#parent;
  }

  /**
   * Returns the interface that a request names, which may not exist: `name` in the network namespace with inode
   * `namespace`, by default in that of the parent, or else in any other; the parent without a name.
   */
  find(name?: string, namespace?: bigint): QualifiedName {
    const parent = this.#parent;
    if (name === undefined) return parent;
    const here = { name, namespace: namespace ?? parent.namespace };
    if (namespace !== undefined) return here;
    const named = this.#places.filter((each) => each.name === name)
      .map(qualifiedName);
    return named.find((each) => isSameName(each, here)) ?? named[0] ?? here;
  }

  /** True if the parent was created. */
  get created(): boolean {
    return this.#places.length > 0;
  }

  /** Sets the paths of the control socket, which then follow the interfaces. */
  async setSockets(sockets: SocketNames): Promise<void> {
    this.#sockets = sockets;
    if (this.created) await sockets.update(this.#places);
  }

  /** True if an interface is in the network namespace with this inode. */
  isIn(namespace: bigint): boolean {
    return this.#places.some((each) => each.namespace.inode === namespace);
  }

  /** Handles a change. Returns the names that have gone. */
  follow(places: readonly InterfacePlace[]): QualifiedName[] {
    const before = this.#places.map(qualifiedName);
    const now = places.map(qualifiedName);
    this.#places = places;
    this.#parent = now[0]!;
    this.#timer ??= setInterval(() => this.#check(), CHECK_MS);
    void this.#sockets?.update(places);
    this.#watch.follow(places.map(({ namespace }) => namespace));
    return before.filter((old) => !now.some((each) => isSameName(each, old)));
  }

  /** Ends the checks. */
  stop(): void {
    clearInterval(this.#timer);
  }

  /** Removes the paths of the control socket. */
  async removeSockets(): Promise<void> {
    await this.#sockets?.update([]);
  }

  #check(): void {
    this.#watch.check();
    this.#sockets?.retry();
  }

  #onDeleted(inode: bigint): void {
    const [parent, ...children] = this.#places;
    const log = getLogger(this.name);
    if (parent?.namespace.inode === inode) {
      log.info("stopping: the network namespace was deleted");
      return this.onParentLost();
    }
    for (const { name, namespace } of children) {
      if (namespace.inode !== inode) continue;
      log.info(`deleting ${name}: its network namespace was deleted`);
      this.onChildLost(name, inode);
    }
  }
}
