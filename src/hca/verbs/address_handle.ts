/**
 * Address handles. Handles with equal attributes share one handle of the device, because many neighbours have the same
 * path, and because creating a handle may be slow.
 */

import { IbvAhAttr } from "../../../ffi/verbs_layout.ts";
import { lastError } from "../../system/errno.ts";
import type {
  AddressHandle,
  AddressHandleAttributes,
} from "../address_handle.ts";
import { highWord, lowWord, type VerbsDevice } from "./device.ts";
import { released } from "./release.ts";

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

/** The address handles of a port. */
export class AddressHandles {
  readonly #device: VerbsDevice;
  readonly #pd: bigint;
  readonly #port: number;
  readonly #beforeDestroy: () => void;
  readonly #shared = new Map<string, Shared>();

  /** @param beforeDestroy posts the chained work requests, which may use the handle that is about to be destroyed */
  constructor(
    device: VerbsDevice,
    pd: bigint,
    port: number,
    beforeDestroy: () => void,
  ) {
    this.#device = device;
    this.#pd = pd;
    this.#port = port;
    this.#beforeDestroy = beforeDestroy;
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
    const { handle, users } = shared;
    const user = new VerbsAddressHandle(attributes, handle, () => {
      users.delete(user);
      if (users.size === 0) this.#destroy(key, handle);
    });
    users.add(user);
    return user;
  }

  /** Destroys all handles. */
  close(): void {
    for (const { users } of [...this.#shared.values()]) {
      for (const user of [...users]) user.destroy();
    }
  }

  #destroy(key: string, handle: bigint): void {
    this.#shared.delete(key);
    this.#beforeDestroy();
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
