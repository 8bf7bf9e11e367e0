/** Calls of the data worker that hand an interface from one process to another, or continue it after that has failed. */

import type { PortInit } from "../open_port.ts";
import type { LeftInterface } from "./left_interface.ts";
import type { SavedInterface } from "./saved_interface.ts";

/** What another process needs before the interface is released. */
export interface DescribedInterface {
  /** GUID of the port. */
  readonly guid: bigint;
  /** Descriptor of the namespace of the parent, which the caller owns. */
  readonly netns: number;
}

export type RestartCalls = {
  "interface.save": { params: unknown; result: SavedInterface };
  "interface.describe": { params: unknown; result: DescribedInterface };
  /** Closes the data path. The caller owns the descriptors of the devices. */
  "interface.release": { params: unknown; result: LeftInterface };
  /** Opens the data path again, with devices that exist. */
  "interface.resume": {
    params: { hca: PortInit; netns: number; left: LeftInterface };
    result: unknown;
  };
};
