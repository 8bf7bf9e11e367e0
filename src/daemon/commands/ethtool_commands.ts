/** Commands of `ipoib ethtool`, except settings (`link.show`) and statistics (`stats`). After Linux ipoib_ethtool.c. */

import { checkSendRing, MAX_RING } from "../../ipoib/rings.ts";
import { type DataCommands, findInterface } from "./context.ts";
import { VERSION } from "../../ipc/version.ts";

export const ethtoolCommands = {
  "coalesce.get": (context, { name }) => {
    const { values: { rxUsecs, rxFrames }, adaptive } =
      findInterface(context, name).moderation;
    return {
      "rx-usecs": rxUsecs,
      "rx-frames": rxFrames,
      "adaptive-rx": adaptive ? 1 : 0,
    };
  },
  "coalesce.set": (context, { name, values }) => {
    const { "rx-usecs": rxUsecs, "rx-frames": rxFrames } = values;
    const adaptive = values["adaptive-rx"];
    findInterface(context, name).moderation.set({
      ...(rxUsecs === undefined ? {} : { rxUsecs }),
      ...(rxFrames === undefined ? {} : { rxFrames }),
      ...(adaptive === undefined ? {} : { adaptive: adaptive === 1 }),
    });
    return {};
  },
  "rings.get": (context, { name }) => {
    const { receiveQueueSize, sendQueueSize } = findInterface(context, name);
    return {
      "rx-max": MAX_RING,
      "tx-max": sendQueueSize,
      "rx": receiveQueueSize,
      "tx": sendQueueSize,
      "tx-push": false,
    };
  },
  "rings.set": (context, { name, rx, tx }) => {
    const iface = findInterface(context, name);
    if (tx !== undefined) checkSendRing(tx, iface.sendQueueSize);
    if (rx !== undefined) iface.setReceiveQueueSize(rx);
    return {};
  },
  "driver": (context, { name }) => {
    findInterface(context, name);
    const { firmware, busInfo } = context.port.attributes;
    return {
      "driver": "ib_ipoib",
      "version": VERSION,
      "firmware-version": firmware,
      "expansion-rom-version": "",
      "bus-info": busInfo,
      "supports-statistics": true,
      "supports-test": false,
      "supports-eeprom-access": false,
      "supports-register-dump": false,
      "supports-priv-flags": false,
    };
  },
  "features": (context, { name }) =>
    findInterface(context, name).features.list(),
  "features.set": (context, { name, request }) => {
    const { features } = findInterface(context, name);
    const before = features.list();
    features.change(request);
    return { before, after: features.list() };
  },
} satisfies Partial<DataCommands>;
