/**
 * What a process stores of an interface, so that another process can continue it: everything that was configured, except
 * what the kernel stores with the network devices (addresses, routes, MTU, flags).
 *
 * A process of one version reads what a process of another has written: unknown members are ignored, and members that
 * are added later are optional. A change that an older reader would misunderstand needs another {@linkcode FORMAT}.
 */

import * as v from "valibot";
import { count } from "../../ipc/schema/fields.ts";
import { MODE_CHOICES } from "../../ipc/up_options.ts";

/** Version of the format. */
export const FORMAT = 1;

const link = {
  name: v.string(),
  /** Identifies the descriptor of the device among those that a process passes on (Tap.label). */
  label: v.string(),
  /** See Netdev.takesUdpFrames. */
  takesUdpFrames: v.boolean(),
  /** False if the device is set down. */
  up: v.boolean(),
  mode: v.picklist(MODE_CHOICES),
  umcast: v.boolean(),
  /** MTU set by the administrator, in bytes. */
  mtu: v.exactOptional(count),
  moderation: v.object({
    rxUsecs: count,
    rxFrames: count,
    adaptive: v.boolean(),
  }),
  /** Requested features by name, without the fixed ones. */
  features: v.record(v.string(), v.boolean()),
  /** Packets that can wait in the receive queue. */
  recvQueueSize: count,
  /** Static neighbours: IP address and link-layer address of 20 bytes. */
  neighbours: v.array(v.object({ dst: v.string(), lladdr: v.string() })),
};

const SavedLinkSchema = v.object(link);
export type SavedLink = v.InferOutput<typeof SavedLinkSchema>;

const SavedChildSchema = v.object({
  ...link,
  /** P_Key as given by the user. */
  pkey: count,
  /** How the child was created (ipoib/device.ts). */
  kind: v.picklist(["legacy", "rtnl"]),
});
export type SavedChild = v.InferOutput<typeof SavedChildSchema>;

export const SavedInterfaceSchema = v.object({
  parent: SavedLinkSchema,
  children: v.array(SavedChildSchema),
  /** Debug levels (ipoib/debug_log.ts). */
  debug: v.object({
    debug: v.number(),
    multicast: v.number(),
    data: v.number(),
  }),
});
export type SavedInterface = v.InferOutput<typeof SavedInterfaceSchema>;
