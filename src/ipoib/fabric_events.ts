/** The events of a port: which of its attributes have changed with an asynchronous event of the port, and why. */

import { hex } from "../base/hex.ts";
import type { EventName } from "../base/events.ts";
import { formatPkey } from "../base/units.ts";
import type { HcaPort } from "../hca/hca.ts";
import type { PortAttributes } from "../hca/port_attributes.ts";
import { formatGid } from "../wire/gid.ts";
import { portEventText } from "./change_texts.ts";
import type { InterfaceEvents } from "./interface_events.ts";

/** An attribute, or several that change together, as text; undefined for an attribute without a value. */
interface Attribute {
  readonly event: EventName<"fabric">;
  text(port: PortAttributes): string | undefined;
}

/** In the order of their events. */
const ATTRIBUTES: readonly Attribute[] = [
  { event: "device", text: ({ lost }) => lost ?? "present" },
  { event: "port", text: ({ state }) => state },
  { event: "lid", text: ({ lid }) => lid === 0 ? undefined : hex(lid) },
  {
    event: "sm",
    text: ({ smLid, smSl }) =>
      smLid === 0 ? undefined : `lid ${hex(smLid)} sl ${smSl}`,
  },
  { event: "gid", text: ({ gid }) => formatGid(gid) },
  {
    event: "pkeys",
    text: ({ pkeys }) =>
      pkeys.length === 0 ? undefined : pkeys.map(formatPkey).join(","),
  },
  { event: "mtu", text: ({ activeMtu }) => `${activeMtu}` },
];

/** Records the changes of a port as events. */
export function recordPort(
  port: Pick<HcaPort, "attributes" | "onEvent">,
  events: InterfaceEvents,
): void {
  let before = port.attributes;
  port.onEvent((event) => {
    const { attributes: after } = port;
    const subject = `${after.device}/${after.port}`;
    const cause = portEventText(event);
    if (event.type === "client_reregister") {
      events.add("fabric", "reregister", () => ({ subject }));
    }
    for (const { event: name, text } of ATTRIBUTES) {
      const [old, now] = [text(before), text(after)];
      if (old === now) continue;
      events.add("fabric", name, () => ({ subject, old, new: now, cause }));
    }
    before = after;
  });
}
