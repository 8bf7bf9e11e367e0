/**
 * Address handles. Handles with equal attributes share one handle of the device, because many neighbours have the same
 * path, and because creating a handle may be slow.
 *
 * A handle of the device is destroyed when the requests that were posted with it have completed, as Linux ib_ipoib does
 * (`last_send` of an ipoib_ah). Some devices copy the address into the request (mlx4, mlx5), but others look up the
 * handle when they process it: without the handle, rxe puts the queue pair into an error state.
 */

import type { Libibverbs } from "../../../ffi/libibverbs.ts";
import { IbvAhAttr } from "../../../ffi/verbs_layout.ts";
import { lastError } from "../../system/errno.ts";
import type { Reactor, Timer } from "../../system/reactor.ts";
import type {
  AddressHandle,
  AddressHandleAttributes,
} from "../address_handle.ts";
import { highWord, lowWord } from "./device.ts";
import type { PostedSends } from "./posted_sends.ts";
import { released } from "./release.ts";

/** Interval of checking whether requests have completed. */
const CHECK_MS = 20;

/** See {@linkcode AddressHandle}. */
export class VerbsAddressHandle implements AddressHandle {
  readonly attributes: AddressHandleAttributes;
  /** `struct ibv_ah *` as signed 32-bit words. */
  readonly low: number;
  readonly high: number;
  readonly #destroy: () => void;
  #alive = true;

  constructor(
    attributes: AddressHandleAttributes,
    handle: bigint,
    destroy: () => void,
  ) {
    this.attributes = attributes;
    this.low = lowWord(handle);
    this.high = highWord(handle);
    this.#destroy = destroy;
  }

  /** False after `destroy`: a work request with a destroyed handle would crash the process. */
  get alive(): boolean {
    return this.#alive;
  }

  destroy(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#destroy();
  }
}

/** A handle of the device, with its users. */
interface Shared {
  /** `struct ibv_ah *`. */
  readonly handle: bigint;
  readonly users: Set<VerbsAddressHandle>;
}

/** The device, as {@linkcode AddressHandles} uses it. */
export interface HandleDevice {
  readonly library: Pick<Libibverbs, "ibv_create_ah" | "ibv_destroy_ah">;
}

/** The address handles of a port. */
export class AddressHandles {
  readonly #reactor: Pick<Reactor, "clock" | "timer">;
  readonly #device: HandleDevice;
  readonly #pd: bigint;
  readonly #port: number;
  readonly #post: () => PostedSends;
  readonly #shared = new Map<string, Shared>();
  /** The sends that the handles without users wait for, by the key of the handle. */
  readonly #ending = new Map<string, PostedSends>();
  readonly #timer: Timer;

  /** @param post posts the chained work requests; returns all that are posted, which may use the handles */
  constructor(
    reactor: Pick<Reactor, "clock" | "timer">,
    device: HandleDevice,
    pd: bigint,
    port: number,
    post: () => PostedSends,
  ) {
    this.#reactor = reactor;
    this.#device = device;
    this.#pd = pd;
    this.#port = port;
    this.#post = post;
    this.#timer = reactor.timer(() => this.#destroyEnded());
  }

  /** Creates a handle, or shares an existing one with equal attributes. Throws `E_VERBS`. */
  create(attributes: AddressHandleAttributes): VerbsAddressHandle {
    const bytes = addressAttributes(attributes, this.#port);
    const key = bytes.join();
    let shared = this.#shared.get(key);
    if (!shared) {
      const handle = this.#device.library.ibv_create_ah(this.#pd, bytes);
      if (handle === 0n) {
        throw lastError(
          "E_VERBS",
          `create an address handle for LID ${attributes.dlid}`,
        );
      }
      shared = { handle, users: new Set() };
      this.#shared.set(key, shared);
    }
    this.#ending.delete(key);
    const { handle, users } = shared;
    const user = new VerbsAddressHandle(attributes, handle, () => {
      users.delete(user);
      if (users.size === 0) this.#end(key, handle);
    });
    users.add(user);
    return user;
  }

  /** Destroys all handles; the queue pairs must be closed. */
  close(): void {
    for (const { users } of [...this.#shared.values()]) {
      for (const user of [...users]) user.destroy();
    }
    for (const [key, { handle }] of this.#shared) this.#destroy(key, handle);
    this.#ending.clear();
    this.#timer.close();
  }

  /** Destroys a handle without users, now or when the posted requests have completed. */
  #end(key: string, handle: bigint): void {
    const sends = this.#post();
    if (sends.ended) return this.#destroy(key, handle);
    this.#ending.set(key, sends);
    if (this.#ending.size === 1) this.#checkLater();
  }

  #destroyEnded(): void {
    for (const [key, sends] of this.#ending) {
      if (!sends.ended) continue;
      this.#ending.delete(key);
      this.#destroy(key, this.#shared.get(key)!.handle);
    }
    if (this.#ending.size > 0) this.#checkLater();
  }

  #checkLater(): void {
    this.#timer.at(this.#reactor.clock.now() + CHECK_MS);
  }

  #destroy(key: string, handle: bigint): void {
    this.#shared.delete(key);
    const { library } = this.#device;
    released("an address handle", library.ibv_destroy_ah(handle));
  }
}

/** Encodes a `struct ibv_ah_attr`. */
export function addressAttributes(
  { dlid, sl, staticRate, pathBits = 0, grh }: AddressHandleAttributes,
  port: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(IbvAhAttr.Size);
  const view = new DataView(bytes.buffer);
  view.setUint16(IbvAhAttr.Dlid, dlid, true);
  view.setUint8(IbvAhAttr.Sl, sl);
  view.setUint8(IbvAhAttr.PathBits, pathBits);
  view.setUint8(IbvAhAttr.StaticRate, staticRate);
  view.setUint8(IbvAhAttr.Port, port);
  if (grh) {
    bytes.set(grh.dgid, IbvAhAttr.Dgid);
    view.setUint32(IbvAhAttr.FlowLabel, grh.flowLabel, true);
    view.setUint8(IbvAhAttr.SgidIndex, grh.sgidIndex);
    view.setUint8(IbvAhAttr.HopLimit, grh.hopLimit);
    view.setUint8(IbvAhAttr.TrafficClass, grh.trafficClass);
    view.setUint8(IbvAhAttr.IsGlobal, 1);
  }
  return bytes;
}
