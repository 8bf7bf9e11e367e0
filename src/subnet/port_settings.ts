/**
 * What operations have set for a port: its state, and a P_Key table that is independent of the partitions.
 *
 * The manager sends each setting to every port, also to ports that are down, and a new manager starts with the settings
 * that the port of its own process has received. No port can report its own settings, so a port cannot gain P_Keys
 * during a takeover. As with LIDs, the new manager applies them only to ports that register within RESERVATION_MS.
 */

import * as v from "valibot";
import { formatGuid } from "../base/hex.ts";
import { guid, list, pkeyTable, unicastLid } from "./message_fields.ts";
import type { SubnetPort } from "./ports.ts";

const PortSettingSchema = v.object({
  guid,
  lid: unicastLid,
  pkeys: pkeyTable,
  /** True if an operation has set the P_Key table. */
  ownPkeys: v.boolean(),
  /** True if an operation has set the port down. A port that is up and follows its partitions has no setting. */
  down: v.boolean(),
});
export type PortSetting = v.InferOutput<typeof PortSettingSchema>;

/** Changed settings. An entry without `ownPkeys` and `down` removes the setting of its port. */
export const PortSettingsSchema = v.object({
  type: v.literal("port_settings"),
  settings: list(PortSettingSchema),
});
export type PortSettings = v.InferOutput<typeof PortSettingsSchema>;

/** Number of settings in one message; with {@linkcode MAX_PKEYS} P_Keys each they fit in a frame. */
const SETTINGS_PER_MESSAGE = 128;

/** Returns the setting of a port. */
export function settingOf(port: SubnetPort): PortSetting {
  return {
    guid: formatGuid(port.guid),
    lid: port.lid,
    pkeys: [...port.pkeys],
    ownPkeys: port.ownPkeys,
    down: !port.active,
  };
}

/** True if an operation has set the state or the P_Key table of the port. */
export function isSet({ ownPkeys, down }: PortSetting): boolean {
  return ownPkeys || down;
}

/** Returns the messages that carry these settings. */
export function settingsMessages(
  settings: readonly PortSetting[],
): PortSettings[] {
  const messages: PortSettings[] = [];
  for (let i = 0; i < settings.length; i += SETTINGS_PER_MESSAGE) {
    messages.push({
      type: "port_settings",
      settings: settings.slice(i, i + SETTINGS_PER_MESSAGE),
    });
  }
  return messages;
}
