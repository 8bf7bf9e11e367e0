/** Restores what was stored of an interface, after its parent was created with an adopted device. */

import { IpoibError } from "../../base/errors.ts";
import type { IpoibDevice, OpenNetdev } from "../../ipoib/device.ts";
import type { IpoibInterface } from "../../ipoib/interface.ts";
import type { Tap } from "../../netdev/tap/tap.ts";
import { IpAddress } from "../../wire/ip_address.ts";
import {
  parseLinkAddress,
  parseLinkAddressText,
} from "../../wire/link_address.ts";
import type { Later } from "../thread/commands.ts";
import type {
  SavedChild,
  SavedInterface,
  SavedLink,
} from "./saved_interface.ts";

/** The devices of children, as TapChildDevices creates them. */
interface Devices {
  create<T>(name: string, use: (open: OpenNetdev) => T, left?: Tap): Later<T>;
}

/**
 * Restores static neighbours, debug levels and, with `settings`, the settings of the parent at once, and the children one
 * after the other. What cannot be restored is logged, and the rest is restored.
 *
 * @param left returns the device of a child; undefined if it does not exist any more, and a new one is created
 * @param restored called when all children are restored
 */
export function restoreInterface(
  device: IpoibDevice,
  { parent, children, debug }: SavedInterface,
  settings: boolean,
  devices: Devices,
  left: (child: SavedChild) => Tap | undefined,
  restored: () => void,
): void {
  Object.assign(device.debugLevels, debug);
  if (settings) restoreSettings(device.parent, parent);
  restoreNeighbours(device.parent, parent);
  let missing = children.length;
  if (missing === 0) return restored();
  const over = () => {
    if (--missing === 0) restored();
  };
  for (const child of children) {
    const failed = (error: unknown) => {
      const { message } = IpoibError.from(error);
      device.parent.log.warn(`Cannot restore child ${child.name}: ${message}`);
      over();
    };
    try {
      devices.create(
        child.name,
        (open) => restoreChild(device, child, open),
        left(child),
      ).start(over, failed);
    } catch (error) {
      failed(error);
    }
  }
}

function restoreChild(
  device: IpoibDevice,
  child: SavedChild,
  open: OpenNetdev,
): void {
  const restored = child.kind === "legacy"
    ? device.createChild(child.pkey, open)
    : device.addChild(child.name, child.pkey, open);
  restoreMode(restored, child);
  restoreSettings(restored, child);
  restoreNeighbours(restored, child);
  if (!restored.netdev.adopted && child.up) {
    restored.netdev.change({ up: true });
  }
}

/** Restores mode and MTU, which the parent is created with. */
function restoreMode(iface: IpoibInterface, { mode, mtu }: SavedLink): void {
  attempt(iface, `set ${mode} mode`, () => iface.connected.setMode(mode));
  if (mtu === undefined) return;
  attempt(iface, `set MTU ${mtu}`, () => iface.mtu.set(mtu));
}

function restoreSettings(iface: IpoibInterface, saved: SavedLink): void {
  const { umcast, moderation, features, recvQueueSize } = saved;
  if (umcast) iface.umcast = true;
  iface.features.change(features);
  attempt(
    iface,
    "restore the moderation",
    () => iface.moderation.set(moderation),
  );
  attempt(
    iface,
    "restore the receive queue",
    () => iface.setReceiveQueueSize(recvQueueSize),
  );
}

function restoreNeighbours(
  iface: IpoibInterface,
  { neighbours }: SavedLink,
): void {
  for (const { dst, lladdr } of neighbours) {
    attempt(iface, `restore static neighbour ${dst}`, () => {
      const address = IpAddress.parse(dst);
      const bytes = parseLinkAddressText(lladdr);
      if (address && bytes) {
        iface.neighbours.hold(address, parseLinkAddress(bytes)!);
      }
    });
  }
}

function attempt(
  { log }: IpoibInterface,
  what: string,
  action: () => void,
): void {
  try {
    action();
  } catch (error) {
    log.warn(`Cannot ${what}: ${IpoibError.from(error).message}`);
  }
}
