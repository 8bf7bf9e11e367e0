/**
 * Records the settings that a command of the control socket has changed: compares them before and after the command, so
 * that commands need not know of events.
 */

import type { Method } from "../ipc/schema.ts";
import type { IpoibInterface } from "../ipoib/interface.ts";
import type { CommandContext } from "./commands/context.ts";

/** The commands that change settings. */
const CHANGES: ReadonlySet<string> = new Set<Method>([
  ...["link.set", "set", "param.set"] as const,
  ...["coalesce.set", "rings.set", "features.set"] as const,
]);

/**
 * Call before a command. Returns a function to call after it, which records what it has changed; undefined if the
 * command changes no settings.
 */
export function watchSettings(
  { device }: CommandContext,
  command: string,
): (() => void) | undefined {
  if (!CHANGES.has(command)) return undefined;
  const watched = device.interfaces().map((iface) => ({
    iface,
    // The parameters belong to the parent and its children.
    read: () => ({
      ...settingsOf(iface),
      ...(iface === device.parent ? parametersOf(device.debugLevels) : {}),
    }),
  })).map((each) => ({ ...each, before: each.read() }));
  return () => {
    const present = device.interfaces();
    for (const { iface, read, before } of watched) {
      // The command may have deleted the interface: `set ib0 delete_child`.
      if (present.includes(iface)) record(iface, before, read(), command);
    }
  };
}

type Settings = Readonly<Record<string, string>>;

function record(
  { events }: IpoibInterface,
  before: Settings,
  after: Settings,
  command: string,
): void {
  for (const [subject, old] of Object.entries(before)) {
    const now = after[subject];
    if (now === old) continue;
    events.add("link", "setting", () => ({
      subject,
      old,
      new: now,
      cause: `request ${command}`,
    }));
  }
}

function settingsOf(
  { connected, umcast, mtu, moderation, receiveQueueSize, features, netdev }:
    IpoibInterface,
): Settings {
  const { values: { rxUsecs, rxFrames }, adaptive } = moderation;
  return {
    "mode": connected.mode,
    "umcast": umcast ? "1" : "0",
    "administrator's mtu": `${mtu.chain.admin ?? "unset"}`,
    "rx-usecs": `${rxUsecs}`,
    "rx-frames": `${rxFrames}`,
    "adaptive-rx": onOff(adaptive),
    "rx ring": `${receiveQueueSize}`,
    "tx ring": `${netdev.status().txQueueLength}`,
    ...Object.fromEntries(
      features.list().map(({ name, active }) => [name, onOff(active)]),
    ),
  };
}

function parametersOf(
  { debug, multicast, data }: CommandContext["device"]["debugLevels"],
): Settings {
  return {
    "debug_level": `${debug}`,
    "mcast_debug_level": `${multicast}`,
    "data_debug_level": `${data}`,
  };
}

function onOff(value: boolean): string {
  return value ? "on" : "off";
}
