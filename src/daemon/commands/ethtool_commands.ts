/** Commands of `ipoib ethtool`, except settings (`link.show`) and statistics (`stats`). After Linux ipoib_ethtool.c. */

import { MAX_RING, ringSize } from "../../ipoib/rings.ts";
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
    const { receiveQueueSize, netdev } = findInterface(context, name);
    return {
      "rx-max": MAX_RING,
      "tx-max": MAX_RING,
      "rx": receiveQueueSize,
      "tx": netdev.status().txQueueLength,
      "tx-push": false,
    };
  },
  "rings.set": (context, { name, rx, tx }) => {
    const iface = findInterface(context, name);
    const [receive, send] = [rx, tx].map((size) =>
      size === undefined ? undefined : ringSize(size)
    );
    if (receive !== undefined) iface.setReceiveQueueSize(receive);
    if (send !== undefined) iface.netdev.change({ txQueueLength: send });
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
